"""What is to run where: what is there is found, what is not says so in one sentence."""

from pathlib import Path

import pytest
import torch

from klein_ui.contract import EngineFailed
from klein_ui.engine import choosing


def test_a_machine_without_cuda_runs_the_built_in_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    choice = choosing.resolve("auto", "cpu", None)
    assert choice.row.name == "postcard"


def test_a_machine_with_cuda_runs_klein(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    choice = choosing.resolve("auto", "auto", "abc123")
    assert (choice.row.name, choice.row.revision) == ("klein-4b", "abc123")
    assert (choice.device.name, choice.device.dtype) == ("cuda", torch.bfloat16)


def test_a_device_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineFailed, match="no CUDA device"):
        choosing.resolve("postcard", "cuda", None)


def test_a_way_to_hold_weights_that_a_device_cannot_do_says_so() -> None:
    with pytest.raises(EngineFailed, match="choose one of auto, resident, fp8"):
        choosing.resolve("postcard", "cpu", None, "offload")


def test_a_model_that_is_not_there_says_so() -> None:
    with pytest.raises(EngineFailed, match="no model or folder “nothing”"):
        choosing.resolve("nothing", "cpu", None)


def test_a_repo_of_single_files_is_refused_by_its_id(hub: Path) -> None:
    kept = hub / "models--somebody--their-model-fp8"
    kept.joinpath("snapshots", "abc123").mkdir(parents=True)
    kept.joinpath("refs").mkdir()
    kept.joinpath("refs", "main").write_text("abc123")
    with pytest.raises(EngineFailed, match="their-model-fp8” holds no diffusers pipeline"):
        choosing.resolve("somebody/their-model-fp8", "cpu", None)


def test_a_hub_id_that_cannot_be_reached_says_so(hub: Path) -> None:
    with pytest.raises(EngineFailed, match="not on this machine and the hub cannot be reached"):
        choosing.resolve("somebody/their-model", "cpu", None)


def test_the_kv_weights_are_in_the_registry_and_never_a_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    row = choosing.resolve("klein-9b-kv", "cpu", None).row
    assert row.repo == "black-forest-labs/FLUX.2-klein-9b-kv"
    assert row.licence == "FLUX non-commercial"
    assert row.text_encoder_out_layers == (9, 18, 27)
    assert {choosing.resolve("auto", device, None).row.name for device in ("cpu", "cuda")} == {
        "klein-4b",
        "postcard",
    }
