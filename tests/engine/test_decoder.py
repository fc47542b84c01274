"""A smaller decoder: what it changes, what it leaves, and the sentences where it cannot be had."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from klein_ui import models
from klein_ui.bench import small_models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import EngineFailed, Progress
from klein_ui.engine import choosing, decoder, download, loader
from klein_ui.engine.device import choose
from klein_ui.engine.fingerprint import fingerprint
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import Decoder

from .rendering import CACHE_BYTES, clean_latents, images, render, request, stock_render

ALBUM = Album({"one": photo(96, 64, 0)})
BFL = models.FLUX2_SMALL_DECODER


@pytest.fixture(scope="module")
def small_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoders") / "small"
    small_models.save_decoder(folder)
    return folder


@pytest.fixture
def row(small_model: Path) -> models.ModelRow:
    return models.from_folder(small_model)


def load(
    row: models.ModelRow, wanted: Decoder | bool, reports: list[Progress] | None = None
) -> KleinEngine:
    choice = choosing.Choice(row, choose("cpu"), small_decoder=wanted)
    said = [] if reports is None else reports
    return loader.load(choice, CACHE_BYTES, said.append, ALBUM)


def local(folder: Path) -> Decoder:
    found = decoder.named(str(folder))
    assert isinstance(found, Decoder)
    return found


@pytest.mark.parametrize("references", [(), ("one",)])
def test_only_what_decodes_is_exchanged(
    row: models.ModelRow, small_model: Path, small_decoder: Path, references: tuple[str, ...]
) -> None:
    wanted = request(*references)
    exact, ours = load(row, False), load(row, local(small_decoder))
    assert torch.equal(clean_latents(exact, wanted), clean_latents(ours, wanted))
    assert not np.array_equal(render(exact, wanted), render(ours, wanted))
    stock = Flux2KleinPipeline.from_pretrained(small_model)
    stock.set_progress_bar_config(disable=True)
    other = AutoencoderKLFlux2.from_pretrained(small_decoder)
    stock.vae.decoder, stock.vae.post_quant_conv = other.decoder, other.post_quant_conv
    shown = images(ALBUM, wanted)
    assert np.array_equal(render(ours, wanted), stock_render(stock, ours, row, wanted, shown))


def test_there_are_fewer_weights_and_the_frame_says_whose(
    row: models.ModelRow, small_decoder: Path
) -> None:
    exact, ours = load(row, False), load(row, local(small_decoder))
    sizes = [
        sum(weight.numel() for weight in made._pipeline.vae.decoder.parameters())
        for made in (exact, ours)
    ]
    assert sizes[1] < sizes[0] / 2
    name = fingerprint(small_decoder, "*.safetensors")[:12]
    assert ours.origin == replace(exact.origin, path=f"eager, small decoder {name}")


def test_the_switch_takes_the_one_that_the_registry_has(
    row: models.ModelRow, small_decoder: Path
) -> None:
    known = replace(row, small_decoder=local(small_decoder))
    assert "small decoder" in load(known, True).origin.path
    assert load(known, False).origin.path == "eager"


def test_a_model_without_one_keeps_its_own_and_says_so(row: models.ModelRow) -> None:
    reports: list[Progress] = []
    assert load(replace(row, small_decoder=None), True, reports).origin.path == "eager"
    assert reports[0].sentence == "small has no small decoder and keeps its own."


def test_the_family_shares_one() -> None:
    has = {name for name in models.names() if models.get(name).small_decoder == BFL}
    assert has == {*models.names()} - {"postcard"}
    assert models.POSTCARD.small_decoder is None


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [("a/b", "a/b", "main"), ("a/b@abc123", "a/b", "abc123"), ("a/b@v1.0", "a/b", "v1.0")],
)
def test_another_one_comes_by_its_id_and_may_be_pinned(text: str, repo: str, revision: str) -> None:
    assert decoder.named(text) == Decoder(repo, repo, revision, local=False)


def test_what_is_no_decoder_says_what_to_give() -> None:
    with pytest.raises(EngineFailed, match="There is no decoder “nothing”; give its folder"):
        decoder.named("nothing")


def test_a_decoder_for_other_latents_is_refused_before_anything_is_loaded(
    row: models.ModelRow, small_decoder: Path, tmp_path: Path
) -> None:
    index = tmp_path / "config.json"
    said = json.loads((small_decoder / "config.json").read_text())
    index.write_text(json.dumps({**said, "latent_channels": 32}))
    reports: list[Progress] = []
    with pytest.raises(EngineFailed, match=r"other latents than small's; choose another one, or"):
        load(row, local(tmp_path), reports)
    assert reports == []


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"_class_name": "AutoencoderKL"}'])
def test_a_folder_of_something_else_is_refused(
    row: models.ModelRow, tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(EngineFailed, match=r"is no decoder for FLUX\.2; choose another one, or"):
        load(row, local(tmp_path))


def test_damaged_and_pickled_files_say_what_to_do(
    row: models.ModelRow, small_decoder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small_decoder, broken)
    weights = next(broken.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineFailed, match="small decoder are incomplete or damaged"):
        load(row, local(broken))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineFailed, match="small decoder are incomplete or damaged"):
        load(row, local(broken))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_one_from_the_hub_is_named_by_its_commit(
    hub: Path, row: models.ModelRow, small_decoder: Path
) -> None:
    kept = hub / "models--black-forest-labs--FLUX.2-small-decoder" / "snapshots"
    assert BFL.revision is not None
    shutil.copytree(small_decoder, kept / BFL.revision)
    assert load(row, True).origin.path == f"eager, small decoder {BFL.revision[:12]}"


def test_without_a_network_the_sentence_names_the_way_out(hub: Path, row: models.ModelRow) -> None:
    reports: list[Progress] = []
    with pytest.raises(EngineFailed, match=r"FLUX\.2 small decoder is not on this machine .* or"):
        load(row, True, reports)
    assert reports == []
    with pytest.raises(EngineFailed, match="or start without --small-decoder"):
        load(row, True)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RepositoryNotFoundError, "no model “a/b”; check the name given with --small-decoder."),
        (RevisionNotFoundError, "no revision “v1”; choose another with --small-decoder a/b@SHA."),
    ],
)
def test_a_wrong_name_and_a_wrong_pin_name_the_flag(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], says: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error.__new__(error)

    monkeypatch.setattr(download, "snapshot_download", refused)
    with pytest.raises(EngineFailed) as failed:
        download.fetch_decoder(Decoder("a/b", "a/b", "v1", local=False), [], lambda _: None)
    assert says in str(failed.value)
