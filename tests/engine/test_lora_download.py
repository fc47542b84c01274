"""LoRAs from the hub: one safetensors file arrives under a name, or a sentence says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from huggingface_hub.errors import (
    DryRunError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import DryRunFileInfo

from klein_ui.contract import InvalidLora, Progress
from klein_ui.engine import lora_download
from klein_ui.engine.lora import MAX_FILE_BYTES
from klein_ui.engine.lora_download import HubId, fetch_lora
from klein_ui.loras import LoraShelf

Hub = Callable[..., list[dict[str, Any]]]


def fetch(text: str, folder: Path) -> str:
    return fetch_lora(text, folder, lambda progress: None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with files of these sizes in bytes; what it is asked for is noted."""
    asked: list[dict[str, Any]] = []

    def with_files(**sizes: int) -> list[dict[str, Any]]:
        def look(repo: str, **told: Any) -> list[DryRunFileInfo]:
            asked.append({"repo": repo, **told})
            pattern = told["allow_patterns"][0]
            names = [name for name in sizes if pattern in (name, "*.safetensors")]
            return [DryRunFileInfo("c0ffee", sizes[name], name, "", False, True) for name in names]

        def download(repo: str, name: str, **told: Any) -> str:
            asked.append({"repo": repo, "name": name, **told})
            arrived = Path(told["local_dir"]) / name
            arrived.parent.mkdir(parents=True, exist_ok=True)
            arrived.write_bytes(b"x" * sizes[name])
            with told["tqdm_class"](total=sizes[name], unit="B") as bar:
                bar.update(sizes[name])
            return str(arrived)

        monkeypatch.setattr(lora_download, "snapshot_download", look)
        monkeypatch.setattr(lora_download, "hf_hub_download", download)
        return asked

    return with_files


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a/b", HubId("a/b", None, None)),
        ("a/b@v1.0", HubId("a/b", None, "v1.0")),
        ("a/b@refs/pr/2", HubId("a/b", None, "refs/pr/2")),
        ("a/b/c.safetensors", HubId("a/b", "c.safetensors", None)),
        ("https://huggingface.co/a/b", HubId("a/b", None, None)),
        ("https://huggingface.co/a/b/tree/v1/", HubId("a/b", None, "v1")),
        (
            "https://huggingface.co/a/b/blob/main/c/d%20(2).safetensors?library=x",
            HubId("a/b", "c/d (2).safetensors", "main"),
        ),
        ("a/b/c/d (2).safetensors@0f", HubId("a/b", "c/d (2).safetensors", "0f")),
    ],
)
def test_a_hub_id_has_a_repo_and_maybe_a_file_and_a_revision(text: str, parts: HubId) -> None:
    assert lora_download.parsed(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/b/c",
        "a/b/c.bin",
        "https://hub/a/b",
        "https://huggingface.co/a",
        "https://huggingface.co/a/b/blob/main/c.bin",
        "a/b@",
        "a b/c",
        "a/b\n",
        "/a/b",
    ],
)
def test_what_is_no_hub_id_says_what_one_looks_like(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidLora, match="is no hub id; give one such as somebody/their-lora"):
        fetch(text, tmp_path)


def test_the_only_file_of_a_repo_is_called_after_it(hub: Hub, tmp_path: Path) -> None:
    asked, folder = hub(**{"pytorch_lora_weights.safetensors": 5}), tmp_path / "loras"
    reports: list[Progress] = []
    assert fetch_lora("alice/ink@v1", folder, reports.append) == "ink"
    assert LoraShelf(folder).file("ink").size_bytes == 5
    assert [path.name for path in folder.iterdir()] == ["ink.safetensors"]
    assert (asked[0]["repo"], asked[0]["revision"]) == ("alice/ink", "v1")
    assert (asked[0]["dry_run"], asked[0]["allow_patterns"]) == (True, ["*.safetensors"])
    assert asked[1]["revision"] == "c0ffee"
    assert "ink" in reports[-1].sentence


def test_of_several_files_one_is_chosen_by_name(hub: Hub, tmp_path: Path) -> None:
    asked = hub(**{"v2/wash.safetensors": 7, "ink.safetensors": 5})
    with pytest.raises(InvalidLora, match=r"several LoRAs; say which, such as a/b/ink\.safetens"):
        fetch("a/b", tmp_path)
    assert fetch("a/b/v2/wash.safetensors", tmp_path) == "b wash"
    assert LoraShelf(tmp_path).file("b wash").size_bytes == 7
    assert asked[-1]["name"] == "v2/wash.safetensors"


def test_a_lora_that_is_there_is_never_replaced(hub: Hub, tmp_path: Path) -> None:
    asked = hub(**{"ink.safetensors": 5})
    (tmp_path / "b.safetensors").write_bytes(b"mine")
    with pytest.raises(InvalidLora, match="There is a LoRA “b” already; rename or remove"):
        fetch("a/b", tmp_path)
    assert (tmp_path / "b.safetensors").read_bytes() == b"mine"
    assert len(asked) == 1


def test_a_repo_without_such_a_file_says_so(hub: Hub, tmp_path: Path) -> None:
    hub()
    with pytest.raises(InvalidLora, match="“a/b” holds no safetensors file; check the name"):
        fetch("a/b", tmp_path)
    with pytest.raises(InvalidLora, match=r"“a/b” holds no “c\.safetensors”; check the name"):
        fetch("a/b/c.safetensors", tmp_path)


def test_what_is_too_large_is_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    asked = hub(**{"ink.safetensors": MAX_FILE_BYTES + 1})
    with pytest.raises(InvalidLora, match="“a/b” is larger than 2 GB; choose a smaller LoRA"):
        fetch("a/b", tmp_path)
    assert len(asked) == 1


def test_the_disk_keeps_some_room(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, folder = hub(**{"ink.safetensors": 5}), tmp_path / "loras"
    free = lora_download.SPARE_BYTES + 4
    monkeypatch.setattr("shutil.disk_usage", lambda path: Mock(free=free))
    with pytest.raises(InvalidLora, match="The disk is too full for “a/b”; free some room"):
        fetch("a/b", folder)
    assert (len(asked), list(folder.iterdir())) == (1, [])
    free += 1
    assert fetch("a/b", folder) == "b"


ANSWER: Any = Mock(headers={})


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (GatedRepoError("", response=ANSWER), "must be agreed to on its hub page first"),
        (RevisionNotFoundError("", response=ANSWER), "has no revision “v1”; choose"),
        (RepositoryNotFoundError("", response=ANSWER), "The hub has no LoRA “a/b”; check"),
        (HFValidationError(), "The hub has no LoRA “a/b”; check the name"),
        (OSError(28, "No space left on device"), "The disk is too full for “a/b”; free some"),
        (LocalEntryNotFoundError(""), "The hub cannot be reached for “a/b”; connect"),
        (ConnectionError(), "cannot be reached"),
        (PermissionError(13, "no"), "The folder of LoRAs cannot be written; check"),
        (ValueError(), r"could not be downloaded \(ValueError\); try again"),
    ],
)
def test_each_failure_is_a_sentence_and_leaves_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, sentence: str
) -> None:
    def failing(*_: object, **__: object) -> str:
        raise error

    hub(**{"ink.safetensors": 5})
    for name in ("hf_hub_download", "snapshot_download"):
        monkeypatch.setattr(lora_download, name, failing)
        with pytest.raises(InvalidLora, match=sentence):
            fetch("a/b@v1", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (RepositoryNotFoundError("", response=ANSWER), "The hub has no LoRA “a/b”"),
        (GatedRepoError("", response=ANSWER), "must be agreed to"),
        (LookupError("no such host"), "cannot be reached"),
        (None, "cannot be reached"),
    ],
)
def test_what_kept_it_from_looking_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cause: Exception | None, sentence: str
) -> None:
    def blind(*_: object, **__: object) -> None:
        raise DryRunError from cause

    monkeypatch.setattr(lora_download, "snapshot_download", blind)
    with pytest.raises(InvalidLora, match=sentence):
        fetch("a/b", tmp_path)


def test_without_a_network_the_sentence_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InvalidLora, match="or put its file into the folder of LoRAs"):
        fetch("a/b", tmp_path / "loras")
