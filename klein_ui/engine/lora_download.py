"""LoRAs from the hub into the folder of LoRAs."""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    DryRunError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import DryRunFileInfo

from klein_ui.contract import InvalidLora
from klein_ui.engine.download import Report, reporting_tqdm
from klein_ui.engine.lora import MAX_FILE_BYTES
from klein_ui.loras import SUFFIX
from klein_ui.validate import is_lora_name

SPARE_BYTES = 2**30
"""What stays free on the disk: whoever opens the page may ask for LoRAs."""

HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:/([\w./ ()-]+\.safetensors))?(?:@([\w./-]+))?")

# As the address bar has it, of a repo or of one of its files.
ADDRESS = re.compile(
    r"https://huggingface\.co/([^/?#]+/[^/?#]+)"
    r"(?:/(?:blob|resolve|tree)/([^/?#]+)(/[^?#]+?)?)?/?(?:[?#].*)?"
)

WRONG_ID = "“{id}” is no hub id; give one such as somebody/their-lora or somebody/their-lora@v1."
NONE_THERE = "“{repo}” holds no {missing}; check the name."
SEVERAL = "“{repo}” holds several LoRAs; say which, such as {example}."
TOO_LARGE = f"“{{repo}}” is larger than {MAX_FILE_BYTES // 2**30} GB; choose a smaller LoRA."
FULL = "The disk is too full for “{repo}”; free some room and try again."
NO_FOLDER = "The folder of LoRAs cannot be written; check that the app may."
TAKEN = "There is a LoRA “{name}” already; rename or remove that one first."


@dataclass(frozen=True, slots=True)
class HubId:
    """`owner/repo`, `owner/repo/file.safetensors`, or either with `@revision` behind it."""

    repo: str
    file: str | None
    revision: str | None


def parsed(text: str) -> HubId:
    """The parts of a hub id, or of the address of its page. Raises `InvalidLora`."""
    address = ADDRESS.fullmatch(text)
    found = HUB_ID.fullmatch(_id_at(address) if address else text)
    if found is None:
        raise InvalidLora(WRONG_ID.format(id=text[:100]))
    repo, file, revision = found.groups()
    return HubId(repo, file, revision)


def _id_at(address: re.Match[str]) -> str:
    repo, revision, file = address.groups()
    return f"{repo}{unquote(file or '')}" + (f"@{revision}" if revision else "")


def fetch_lora(text: str, folder: Path, report: Report) -> str:
    """Put the LoRA with the hub id `text` into `folder`; the name that it has there.

    It is called after its repo, or where that holds several, after repo and file. Nothing but
    that one safetensors file is downloaded, and nothing that is there is ever replaced. Raises
    `InvalidLora`.
    """
    hub_id = parsed(text)
    try:
        found = snapshot_download(
            hub_id.repo,
            revision=hub_id.revision,
            allow_patterns=[hub_id.file or f"*{SUFFIX}"],
            dry_run=True,
            tqdm_class=reporting_tqdm(hub_id.repo, report),
        )
        chosen = _chosen(hub_id, found)
        name = _name(hub_id)
        place = folder / f"{name}{SUFFIX}"
        if place.exists():
            raise InvalidLora(TAKEN.format(name=name))
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < (chosen.file_size or 0) + SPARE_BYTES:
            raise InvalidLora(FULL.format(repo=hub_id.repo))
        _download(hub_id.repo, chosen, place, report)
    except InvalidLora:
        raise
    except DryRunError as error:
        # What the hub said is one further down; without it, the hub was not reached.
        said = error.__cause__
        known = said if isinstance(said, HfHubHTTPError) else error
        raise InvalidLora(_why(known, hub_id)) from error
    except Exception as error:
        raise InvalidLora(_why(error, hub_id)) from error
    return name


def _chosen(hub_id: HubId, found: list[DryRunFileInfo]) -> DryRunFileInfo:
    if not found:
        missing = f"“{hub_id.file}”" if hub_id.file else "safetensors file"
        raise InvalidLora(NONE_THERE.format(repo=hub_id.repo, missing=missing))
    if len(found) > 1:
        example = f"{hub_id.repo}/{min(one.filename for one in found)}"
        raise InvalidLora(SEVERAL.format(repo=hub_id.repo, example=example))
    if (found[0].file_size or 0) > MAX_FILE_BYTES:
        raise InvalidLora(TOO_LARGE.format(repo=hub_id.repo))
    return found[0]


def _name(hub_id: HubId) -> str:
    name = hub_id.repo.partition("/")[2]
    if hub_id.file is not None:
        name = f"{name} {Path(hub_id.file).stem}"
    if not is_lora_name(name):
        raise InvalidLora(WRONG_ID.format(id=hub_id.repo))
    return name


def _download(repo: str, chosen: DryRunFileInfo, place: Path, report: Report) -> None:
    """All of the file at `place`, or nothing."""
    # Beside it, so that it can be moved there in one go; hidden, so that nobody takes it for ready.
    with tempfile.TemporaryDirectory(prefix=".", dir=place.parent) as part:
        arrived = hf_hub_download(
            repo,
            chosen.filename,
            # What was looked at, even where the branch has moved on since.
            revision=chosen.commit_hash,
            local_dir=part,
            tqdm_class=reporting_tqdm(place.stem, report),
        )
        os.replace(arrived, place)


def _why(error: Exception, hub_id: HubId) -> str:
    match error:
        case GatedRepoError():
            return (
                f"“{hub_id.repo}” must be agreed to on its hub page first; "
                "do that, then log in with “hf auth login”."
            )
        case RevisionNotFoundError():
            return f"“{hub_id.repo}” has no revision “{hub_id.revision}”; choose another."
        case RepositoryNotFoundError() | HFValidationError():
            return f"The hub has no LoRA “{hub_id.repo}”; check the name."
        case OSError() if "No space left" in str(error):
            return FULL.format(repo=hub_id.repo)
        case PermissionError() | FileExistsError() | NotADirectoryError():
            return NO_FOLDER
        case LocalEntryNotFoundError() | EntryNotFoundError() | HfHubHTTPError() | OSError():
            return (
                f"The hub cannot be reached for “{hub_id.repo}”; connect and try again, "
                "or put its file into the folder of LoRAs."
            )
        case _:
            return (
                f"“{hub_id.repo}” could not be downloaded ({type(error).__name__}); try again, "
                "or put its file into the folder of LoRAs."
            )
