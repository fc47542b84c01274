"""Loading: what is there loads, what is not says so in one sentence."""

import shutil
import weakref
from pathlib import Path

import pytest

from klein_ui import models
from klein_ui.bench.photos import Album
from klein_ui.contract import EngineFailed, Hooks, Progress, Request, Stage
from klein_ui.engine import choosing, download, loader
from klein_ui.engine.fingerprint import fingerprint
from klein_ui.engine.klein import KleinEngine


def load(folder: Path) -> KleinEngine:
    choice = choosing.resolve(str(folder), "cpu", None)
    return loader.load(choice, 2**20, lambda progress: None, Album())


def test_a_pipeline_from_the_hub_loads_by_its_id(hub: Path, small_base_model: Path) -> None:
    kept = hub / "models--somebody--their-model"
    shutil.copytree(small_base_model, kept / "snapshots" / "abc123")
    kept.joinpath("refs").mkdir()
    kept.joinpath("refs", "main").write_text("abc123")
    choice = choosing.resolve("somebody/their-model", "cpu", None)
    assert (choice.row.name, choice.row.revision) == ("somebody/their-model", "main")
    assert (choice.row.is_guided, choice.row.max_side) == (True, 512)
    engine = loader.load(choice, 2**20, lambda progress: None, Album())
    assert engine.origin.revision == "abc123"


@pytest.mark.parametrize("name", ["klein-9b", "dev"])
def test_a_licence_with_limits_is_told_before_anything_is_fetched(hub: Path, name: str) -> None:
    reports: list[Progress] = []
    choice = choosing.resolve(name, "cpu", None)
    with pytest.raises(EngineFailed, match="hub cannot be reached"):
        loader.load(choice, 2**20, reports.append, Album())
    assert "no commercial use" in reports[0].sentence


def test_a_saved_pipeline_loads_and_reports(small_model: Path) -> None:
    reports: list[Progress] = []
    choice = choosing.resolve(str(small_model), "cpu", None)
    engine = loader.load(choice, 2**20, reports.append, Album())
    assert [report.phase for report in reports] == ["loading", "placing"]
    assert reports[-1].sentence.endswith("it runs on the CPU in float32.")
    assert engine.origin.dtype == "float32"
    assert engine.origin.revision == fingerprint(small_model)
    request = Request("x", 0, 64, 64, 1, 1.0, choice.row.name)
    assert engine.render(request, Stage.FINAL, Hooks()).origin == engine.origin


def test_weights_trained_for_kv_load_as_such(small_kv_model: Path) -> None:
    assert "keys" in load(small_kv_model).cache_stats()


def test_weights_of_another_pipeline_say_which_would_do(small_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_model, other)
    index = other / "model_index.json"
    index.write_text(index.read_text().replace("Flux2KleinPipeline", "FluxPipeline"))
    with pytest.raises(EngineFailed, match="holds a FluxPipeline; give the folder of a"):
        load(other)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_index_says_what_to_do(small_model: Path, tmp_path: Path, text: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small_model, broken)
    (broken / "model_index.json").write_text(text)
    with pytest.raises(EngineFailed, match=r"incomplete or damaged|get the model again"):
        load(broken)


def test_damaged_files_say_what_to_do(small_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small_model, broken)
    weights = next(broken.glob("transformer/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineFailed, match="incomplete or damaged"):
        load(broken)


def test_pickled_weights_are_not_read(small_model: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(small_model, pickled)
    weights = next(pickled.glob("vae/*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineFailed, match="incomplete or damaged"):
        load(pickled)


def test_a_closed_engine_holds_no_weights(small_model: Path) -> None:
    engine = load(small_model)
    engine.render(Request("a red sun", 7, 64, 64, 4, 1.0, "small"), Stage.FINAL, Hooks())
    pipeline = engine._pipeline
    weights = [weakref.ref(part) for part in (pipeline.transformer, pipeline.text_encoder)]
    del pipeline
    # The engine itself is still known, as a local variable might.
    engine.close()
    assert [ref() for ref in weights] == [None, None]


def test_other_weights_have_another_fingerprint(small_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_model, other)
    assert fingerprint(other) == fingerprint(small_model)
    weights = next(other.glob("vae/*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert fingerprint(other) != fingerprint(small_model)


def test_a_hub_snapshot_is_named_by_its_commit(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "snapshots" / "0123abc") == "0123abc"


def test_without_a_network_the_sentence_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineFailed, match="or choose postcard"):
        download.fetch(models.KLEIN_4B, lambda progress: None)


def test_the_bytes_of_a_download_are_reported() -> None:
    reports: list[Progress] = []
    bar = download.reporting_tqdm("klein", reports.append)
    with bar(total=0, unit="B", name="huggingface_hub.snapshot_download") as progress:
        progress.total = 4_000_000_000
        progress.update(1_000_000_000)
        progress.refresh()
    assert reports[-1].sentence == "Downloading klein: 1.0 of 4.0 GB"
    assert reports[-1].fraction == 0.25


def test_small_downloads_are_counted_in_mb() -> None:
    assert download.downloading("ink", 6.4e6, 180e6).sentence == "Downloading ink: 6 of 180 MB"
    assert download.downloading("ink", 0, 0).fraction is None
