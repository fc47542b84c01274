"""Weights from the hub into its cache, with the bytes so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from klein_ui.models import Decoder, ModelRow

# Only what a pipeline of components needs: no pickles, no single-file copies of the weights.
INDEX_PATTERNS = ["model_index.json", "klein_ui.json", "*/config.json"]
PATTERNS = [
    *INDEX_PATTERNS,
    "*/*.json",
    "*/*.safetensors",
    "tokenizer/*.txt",
    "tokenizer/*.jinja",
]
DECODER_INDEX = "config.json"
DECODER_WEIGHTS = "diffusion_pytorch_model*.safetensors"

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repo of the hub, and in words what to do where it cannot be had.

    `flag` is what named it, `pin` what chooses another revision, `instead` what needs it not.
    """

    title: str
    repo: str
    revision: str | None
    flag: str = "--model"
    pin: str = "--revision"
    instead: str = "choose postcard"


def fetch(row: ModelRow, report: Report) -> Path:
    """The folder with the pipeline of `row`, downloaded where it is not there yet.

    Raises `EngineFailed` with one sentence for a wrong name, a missing right, or no network.
    """
    if row.local:
        return Path(row.repo)
    return _snapshot(Wanted(row.title, row.repo, row.revision), PATTERNS, report)


def fetch_index(repo: str, revision: str) -> Path:
    """A folder with the index and the configs of `repo`, and no weights. Raises `EngineFailed`."""
    return _snapshot(Wanted(repo, repo, revision), INDEX_PATTERNS)


def fetch_decoder(decoder: Decoder, files: Sequence[str], report: Report) -> Path:
    """The folder with those `files` of `decoder` that fit the patterns. Raises `EngineFailed`."""
    if decoder.local:
        return Path(decoder.repo)
    flag = "--small-decoder"
    wanted = Wanted(
        *(decoder.title, decoder.repo, decoder.revision),
        flag=flag,
        pin=f"{flag} {decoder.repo}@SHA",
        instead=f"start without {flag}",
    )
    return _snapshot(wanted, files, report)


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


def _snapshot(wanted: Wanted, files: Sequence[str], report: Report | None = None) -> Path:
    try:
        folder = snapshot_download(
            wanted.repo,
            revision=wanted.revision,
            allow_patterns=list(files),
            tqdm_class=reporting_tqdm(wanted.title, report) if report else None,
        )
    except Exception as error:
        raise EngineFailed(_why(error, wanted)) from error
    return Path(folder)


def _why(error: Exception, wanted: Wanted) -> str:
    title, repo = wanted.title, wanted.repo
    match error:
        case GatedRepoError():
            return (
                f"{title} must be agreed to on its hub page first; "
                "do that, then log in with “hf auth login”."
            )
        case RevisionNotFoundError():
            return f"{repo} has no revision “{wanted.revision}”; choose another with {wanted.pin}."
        case RepositoryNotFoundError() | HFValidationError():
            return f"The hub has no model “{repo}”; check the name given with {wanted.flag}."
        case OSError() if "No space left" in str(error):
            return f"The disk is too full for {title}; free some room and try again."
        case LocalEntryNotFoundError() | HfHubHTTPError() | OSError():
            return (
                f"{title} is not on this machine and the hub cannot be reached; "
                f"connect and try again, or {wanted.instead}."
            )
        case _:
            return f"{title} could not be downloaded ({type(error).__name__}); try again."
