"""Small, randomly initialised klein pipelines, saved locally as the hub would hold them."""

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
