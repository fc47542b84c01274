"""Weights from the hub into its cache, with the bytes so far."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from klein_ui.contract import EngineFailed, Progress
from klein_ui.models import ModelRow

# Only what a pipeline of components needs: no pickles, no single-file copies of the weights.
INDEX_PATTERNS = ["model_index.json", "klein_ui.json"]
PATTERNS = [
    *INDEX_PATTERNS,
    "*/*.json",
    "*/*.safetensors",
    "tokenizer/*.txt",
    "tokenizer/*.jinja",
]

Report = Callable[[Progress], None]


def fetch(row: ModelRow, report: Report) -> Path:
    """The folder with the pipeline of `row`, downloaded where it is not there yet.

    Raises `EngineFailed` with one sentence for a wrong name, a missing right, or no network.
    """
    if row.local:
        return Path(row.repo)
    try:
        folder = snapshot_download(
            row.repo,
            revision=row.revision,
            allow_patterns=PATTERNS,
            tqdm_class=reporting_tqdm(row.title, report),
        )
    except Exception as error:
        raise EngineFailed(_why(error, row.title, row.repo, row.revision)) from error
    return Path(folder)


def fetch_index(repo: str, revision: str) -> Path:
    """A folder with the index of `repo` and no weights. Raises `EngineFailed`."""
    try:
        folder = snapshot_download(repo, revision=revision, allow_patterns=INDEX_PATTERNS)
    except Exception as error:
        raise EngineFailed(_why(error, repo, repo, revision)) from error
    return Path(folder)


def reporting_tqdm(title: str, report: Report) -> type[Any]:
    """A tqdm that draws nothing and reports the bytes of a download."""

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # `name` is the hub client's own and unknown to tqdm. Of its two counts of bytes, one
            # from the network and one onto the disk, the second also counts what was there.
            self._counts = not str(kwargs.pop("name", "")).endswith(".transfer")
            kwargs["disable"] = False
            super().__init__(*args, **kwargs)

        def display(self, *args: Any, **kwargs: Any) -> None:
            if self._counts and self.unit == "B":
                report(downloading(title, float(self.n), float(self.total or 0)))

    return Reporting


def downloading(title: str, done_bytes: float, total_bytes: float) -> Progress:
    """The progress of a download in words."""
    if total_bytes <= 0:
        return Progress("downloading", f"Downloading {title}…")
    done, total = done_bytes / 1e6, total_bytes / 1e6
    # As precise as a bar can show it: models in tenths of GB, LoRAs in MB.
    so_far = (
        f"{done / 1e3:.1f} of {total / 1e3:.1f} GB"
        if total >= 1e3
        else f"{done:.0f} of {total:.0f} MB"
    )
    return Progress(
        "downloading", f"Downloading {title}: {so_far}", min(1.0, done_bytes / total_bytes)
    )


def _why(error: Exception, title: str, repo: str, revision: str | None) -> str:
    match error:
        case GatedRepoError():
            return (
                f"{title} must be agreed to on its hub page first; "
                "do that, then log in with “hf auth login”."
            )
        case RevisionNotFoundError():
            return f"{repo} has no revision “{revision}”; choose another with --revision."
        case RepositoryNotFoundError() | HFValidationError():
            return f"The hub has no model “{repo}”; check the name given with --model."
        case OSError() if "No space left" in str(error):
            return f"The disk is too full for {title}; free some room and try again."
        case LocalEntryNotFoundError() | HfHubHTTPError() | OSError():
            return (
                f"{title} is not on this machine and the hub cannot be reached; "
                "connect and try again, or choose postcard."
            )
        case _:
            return f"{title} could not be downloaded ({type(error).__name__}); try again."
