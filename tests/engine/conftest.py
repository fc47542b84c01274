"""Small, randomly initialised klein pipelines, saved locally as the hub would hold them."""

import json
import shutil
from pathlib import Path

import pytest
from diffusers import Flux2KleinKVPipeline, Flux2KleinPipeline

from klein_ui.bench import small_models


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small pipeline, with its own `klein_ui.json`."""
    folder = tmp_path_factory.mktemp("models") / "small"
    small_models.save(folder, Flux2KleinPipeline, small_models.TINY)
    return folder


@pytest.fixture(scope="session")
def small_kv_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for KV-trained weights."""
    folder = tmp_path_factory.mktemp("models") / "small-kv"
    small_models.save(folder, Flux2KleinKVPipeline, small_models.TINY)
    return folder


@pytest.fixture(scope="session")
def small_base_model(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small pipeline as weights that are not distilled, so that they take guidance."""
    folder = tmp_path_factory.mktemp("models") / "small-base"
    shutil.copytree(small_model, folder)
    index = folder / "model_index.json"
    said = json.loads(index.read_text(encoding="utf-8"))
    index.write_text(json.dumps({**said, "is_distilled": False}), encoding="utf-8")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path
