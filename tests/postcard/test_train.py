"""Training: samples are what the pipeline will show the model, it learns, and it resumes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinPipeline

from klein_ui.postcard import train as training
from klein_ui.postcard.batches import draw_sigmas, text_to_image
from klein_ui.postcard.captions import random_caption
from klein_ui.postcard.data import Pool, Shard, load_shard, make_shard, pool_folder, save_shard
from klein_ui.postcard.layouts import bits_of
from klein_ui.postcard.model import (
    TEXT_OUT_LAYERS,
    build_scheduler,
    build_text_encoder,
    embed_text,
    image_ids,
    schedule_sigmas,
    text_ids,
    tokenize,
)
from klein_ui.postcard.muon import orthogonalise
from klein_ui.postcard.references import edit_folder, make_edits, save_edits
from klein_ui.postcard.tokenizer import train_tokenizer
from klein_ui.postcard.vae import build_vae, decode, encode, load_vae, patchify, unpatchify


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder with untrained parts and a few pictures."""
    folder: Path = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    tokenizer = train_tokenizer((random_caption(rng).text for _ in range(500)), vocabulary=400)
    tokenizer.save_pretrained(folder / "tokenizer")
    torch.manual_seed(0)
    build_text_encoder(len(tokenizer)).save_pretrained(folder / "text_encoder")
    vae = build_vae().eval()
    vae.save_pretrained(folder / "vae")
    save_shard(make_shard(vae, 4, 64, 64, rng), pool_folder(folder, 64, 64) / "00000.pt")
    edits = make_edits(vae, 4, 1, 64, 64, rng)
    save_edits(edits, edit_folder(folder, "1x64from64") / "00000.pt")
    return folder


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than these few steps."""
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: None)


def arguments(run: Path, steps: int) -> list[str]:
    return [
        "--run", str(run), "--mix", "64x64:1", "--steps", str(steps), "--tokens", "240",
        "--threads", "1", "--save-every", "2", "--edits", "1x64from64", "--edit-share", "0.2",
    ]  # fmt: skip


def test_shards_come_back(run: Path, tmp_path: Path) -> None:
    shard = load_shard(pool_folder(run, 64, 64) / "00000.pt")
    assert isinstance(shard, Shard)
    save_shard(shard, tmp_path / "x.pt")
    assert load_shard(tmp_path / "x.pt").mentions == shard.mentions


def test_a_batch_is_noise_and_picture(run: Path) -> None:
    batch = text_to_image(Pool(pool_folder(run, 64, 64)), 6, np.random.default_rng(0))
    share = batch.sigmas[:, None, None]
    clean = batch.noisy - share * batch.velocity
    noise = batch.noisy + (1 - share) * batch.velocity
    grid = noise.transpose(1, 2).reshape(len(noise), -1, batch.rows, batch.columns)
    assert batch.bits is not None
    assert torch.equal(bits_of(grid), batch.bits)
    assert not torch.allclose(clean[0], clean[1])
    assert len(batch.texts) == 6


def test_sigmas_are_those_of_the_scheduler() -> None:
    scheduler = build_scheduler()
    for tokens in (64, 256, 1024):
        visited = schedule_sigmas(tokens)
        from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

        scheduler.set_timesteps(
            sigmas=np.linspace(1.0, 0.25, 4), mu=compute_empirical_mu(tokens, 4), device="cpu"
        )
        assert torch.allclose(scheduler.sigmas[:4], torch.tensor(visited), atol=1e-5)
        drawn = draw_sigmas(1000, tokens, np.random.default_rng(0))
        assert float((drawn == 1).float().mean()) == pytest.approx(0.4, abs=0.05)


def test_text_and_positions_are_those_of_the_pipeline() -> None:
    rng = np.random.default_rng(3)
    tokenizer = train_tokenizer((random_caption(rng).text for _ in range(500)), vocabulary=400)
    encoder = build_text_encoder(len(tokenizer)).eval()
    texts = ["a red sun", ""]
    ids, mask = tokenize(tokenizer, texts)
    with torch.no_grad():
        ours = embed_text(encoder, ids, mask)
        theirs = Flux2KleinPipeline._get_qwen3_prompt_embeds(
            encoder, tokenizer, texts, max_sequence_length=128,
            hidden_states_layers=list(TEXT_OUT_LAYERS),
        )  # fmt: skip
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.equal(Flux2KleinPipeline._prepare_text_ids(ours)[0], text_ids(128))
    latents = torch.zeros(1, 64, 3, 5)
    assert torch.equal(Flux2KleinPipeline._prepare_latent_ids(latents)[0], image_ids(3, 5))
    theirs = Flux2KleinPipeline._prepare_image_ids([latents, latents])[0]
    assert torch.equal(theirs, torch.cat([image_ids(3, 5, 10), image_ids(3, 5, 20)]))


def test_the_autoencoder_is_framed_as_in_the_pipeline() -> None:
    latents = torch.randn(1, 16, 4, 6)
    assert torch.equal(patchify(latents), Flux2KleinPipeline._patchify_latents(latents))
    assert torch.equal(unpatchify(patchify(latents)), latents)
    vae = build_vae().eval()
    with torch.no_grad():
        tokens = encode(vae, torch.zeros(1, 3, 32, 48))
        assert tokens.shape == (1, 64, 2, 3)
        assert decode(vae, tokens).shape == (1, 3, 32, 48)


def test_orthogonalised_matrices_are_nearly_so() -> None:
    matrices = torch.randn(2, 8, 20, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.5


def test_an_encoder_in_bfloat16_is_close(run: Path) -> None:
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    exact, quick = (load_vae(run, bf16=bf16) for bf16 in (False, True))
    with torch.no_grad():
        wanted, found = encode(exact, pictures), encode(quick, pictures)
    assert found.dtype is torch.float32
    assert 0 < float((found - wanted).std() / wanted.std()) < 0.02


# Of autocast: the norms keep their weights in float32.
@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
@pytest.mark.parametrize("more", [pytest.param([], marks=pytest.mark.long), ["--bf16"]])
def test_training_lowers_the_loss(run: Path, more: list[str]) -> None:
    args = training.parser().parse_args([*arguments(run, 40), *more])
    trainer = training.Trainer(args)
    losses = [trainer.step(step).get("first", np.nan) for step in range(25)]
    assert np.nanmean(losses[-6:]) < 0.8 * np.nanmean(losses[:4])


@pytest.mark.long
def test_a_resumed_run_is_the_same_run(run: Path) -> None:
    args = training.parser().parse_args(arguments(run, 8))
    straight = training.Trainer(args)
    for step in range(4):
        straight.step(step)
    torch.manual_seed(99)
    first = training.Trainer(args)
    for step in range(2):
        first.step(step)
    first.save(2)
    second = training.Trainer(args)
    assert second.load() == 2
    for step in range(2, 4):
        second.step(step)
    for name, value in straight.average.state.items():
        assert torch.equal(value, second.average.state[name]), name
    (run / "transformer.pt").unlink()
