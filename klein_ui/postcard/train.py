"""Train the transformer: ``python -m klein_ui.postcard.train --help``.

The whole recipe, in order, each step resumable and deterministic by seed:

1. ``python -m klein_ui.postcard.train_vae``   the autoencoder (25 minutes on one core)
2. ``python -m klein_ui.postcard.train_text``  tokenizer and text encoder (10 minutes)
3. ``python -m klein_ui.postcard.data``        pictures to latents; may run beside step 4
   ``python -m klein_ui.postcard.references``  the same for edits
4. ``python -m klein_ui.postcard.train``       this one
5. ``python -m klein_ui.postcard.export``      the pipeline folder

To go on from the shipped weights: ``python -m klein_ui.postcard.export --unpack``, then 3 and 4.

Velocity regression on noise-picture pairs that are one to one: the words and the noise together
determine the picture, so a few steps, even one, give a sharp sample, and no teacher is needed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import Flux2Transformer2DModel
from torch import nn
from transformers import Qwen2Tokenizer, Qwen3ForCausalLM

from klein_ui.postcard.batches import Batch, edit, text_to_image
from klein_ui.postcard.checkpoint import load_checkpoint, save_checkpoint
from klein_ui.postcard.data import Pool, pool_folder
from klein_ui.postcard.model import build_transformer, embed_text, image_ids, text_ids, tokenize
from klein_ui.postcard.optimisers import Average, Optimisers
from klein_ui.postcard.probe import LayoutProbe
from klein_ui.postcard.references import EditPool, edit_folder

TEXT_LENGTHS = (24, 40, 64, 128)
TEXT_LENGTH_SHARES = (0.66, 0.17, 0.10, 0.07)


def forward(
    model: nn.Module, probe: LayoutProbe, batch: Batch, prompt: torch.Tensor
) -> torch.Tensor:
    """The velocity (batch, tokens, 64) that the transformer answers."""
    places = image_ids(batch.rows, batch.columns)
    tokens = batch.noisy
    if batch.references is not None and batch.reference_ids is not None:
        tokens = torch.cat([tokens, batch.references], dim=1)
        places = torch.cat([places, batch.reference_ids])
    with probe.listening(model):
        answer = model(
            hidden_states=tokens,
            encoder_hidden_states=prompt,
            timestep=batch.sigmas,
            img_ids=places,
            txt_ids=text_ids(prompt.shape[1]),
            guidance=None,
            return_dict=False,
        )[0]
    velocity: torch.Tensor = answer[:, : batch.noisy.shape[1]]
    return velocity


class Trainer:
    """The state of a run: weights, optimisers, average, data."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.run = Path(args.run)
        torch.manual_seed(args.seed)
        self.model = first_transformer(self.run)
        self.probe = LayoutProbe(self.model.inner_dim)
        self.whole = nn.ModuleDict({"transformer": self.model, "probe": self.probe})
        self.optimisers = Optimisers(self.model, self.probe, args.rate)
        self.average = Average(self.model)
        self.tokenizer = Qwen2Tokenizer.from_pretrained(self.run / "tokenizer")
        encoder = Qwen3ForCausalLM.from_pretrained(self.run / "text_encoder")
        self.encoder = encoder.eval().requires_grad_(False)
        self.sizes = parse_mix(args.mix)
        self.pools = {(w, h): Pool(pool_folder(self.run, w, h)) for w, h, _ in self.sizes}
        self.edits = {n: EditPool(edit_folder(self.run, n, args.edit_size)) for n in (1, 2)}

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a size, then a batch of about the same number of tokens at every size."""
        if rng.random() < self.args.edit_share:
            images = int(rng.choice((1, 1, 2)))
            tokens = (images + 1) * self.args.edit_size**2 // 256
            return edit(self.edits[images], max(4, self.args.tokens // (tokens + 32)), rng)
        shares = np.asarray([share for _, _, share in self.sizes])
        width, height, _ = self.sizes[int(rng.choice(len(shares), p=shares / shares.sum()))]
        tokens = width * height // 256
        return text_to_image(
            self.pools[width, height], max(4, self.args.tokens // (tokens + 32)), rng
        )

    def step(self, step: int) -> dict[str, float]:
        """One update; the numbers for the log."""
        rng = np.random.default_rng((self.args.seed, step))
        batch = self.batch(rng)
        length = int(rng.choice(TEXT_LENGTHS, p=TEXT_LENGTH_SHARES))
        ids, mask = tokenize(self.tokenizer, batch.texts, length)
        with torch.no_grad():
            prompt = embed_text(self.encoder, ids, mask)
        answer = forward(self.model, self.probe, batch, prompt)
        error = (answer - batch.velocity).square().mean(dim=(1, 2))
        loss = error.mean()
        numbers = {}
        if batch.bits is not None:
            probe_loss, numbers["layout"] = self.probe.loss(batch.bits)
            loss = loss + self.args.probe_weight * probe_loss
        self.optimisers.update(loss, self.whole, step, self.args.steps)
        self.average.update(self.model, step)
        kind = "edit" if batch.bits is None else "first"
        for name, chosen in ((kind, batch.sigmas > 0.999), ("later", batch.sigmas <= 0.999)):
            if bool(chosen.any()):
                numbers[name] = float(error.detach()[chosen].mean())
        return numbers

    def refresh(self) -> None:
        """Take up data written since."""
        for pool in self.pools.values():
            pool.refresh()
        for edits in self.edits.values():
            edits.refresh()

    def save(self, step: int) -> None:
        """The resumable state, and the averaged weights for the export."""
        save_checkpoint(
            self.run / "transformer.pt", self.whole, self.optimisers, None, step,
            average=self.average.state,
        )  # fmt: skip
        self.average.write(self.run / "transformer", self.model)

    def load(self) -> int:
        """Go on where the folder left off; the next step."""
        path = self.run / "transformer.pt"
        start = load_checkpoint(path, self.whole, self.optimisers, None)
        if start:
            self.average.state = torch.load(path, weights_only=True)["average"]
        return start


def first_transformer(run: Path) -> Flux2Transformer2DModel:
    """The weights in a folder without a checkpoint (unpacked ones), or untrained ones."""
    folder = run / "transformer"
    return (
        Flux2Transformer2DModel.from_pretrained(folder) if folder.exists() else build_transformer()
    )


def parse_mix(mix: str) -> list[tuple[int, int, float]]:
    """``"128x128:0.7,256x256:0.3"`` as widths, heights and shares."""
    parsed = []
    for part in mix.split(","):
        size, _, share = part.partition(":")
        width, height = (int(side) for side in size.split("x"))
        parsed.append((width, height, float(share or 1)))
    return parsed


def train(args: argparse.Namespace) -> None:
    """Train, or go on from the checkpoint in the folder."""
    torch.set_num_threads(args.threads)
    trainer = Trainer(args)
    start = trainer.load()
    print(f"from step {start}, {[(k, len(p)) for k, p in trainer.pools.items()]}", flush=True)
    began = time.monotonic()
    smooth: dict[str, float] = {}
    for step in range(start, args.steps):
        for name, value in trainer.step(step).items():
            smooth[name] = smooth.get(name, value) + 0.05 * (value - smooth.get(name, value))
        if (step + 1) % 20 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            told = " ".join(f"{name} {value:.4f}" for name, value in smooth.items())
            print(f"step {step + 1}/{args.steps} {told} {pace:.2f} s/step", flush=True)
        if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
            trainer.save(step + 1)
        if (step + 1) % 25 == 0:
            # The data command may be writing beside; a run over finished data is repeatable.
            trainer.refresh()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--run", default="runs/postcard", help="folder of data and checkpoints")
    options.add_argument("--steps", type=int, default=6000, help="the learning rate ends there")
    options.add_argument("--tokens", type=int, default=4600, help="text and image tokens a step")
    options.add_argument("--mix", default="128x128:0.65,256x256:0.35", help="sizes and shares")
    options.add_argument("--edit-share", type=float, default=0.0, help="share of edit batches")
    options.add_argument("--edit-size", type=int, default=128)
    options.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    options.add_argument("--probe-weight", type=float, default=0.1)
    options.add_argument("--save-every", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=2)
    return options


if __name__ == "__main__":
    train(parser().parse_args())
