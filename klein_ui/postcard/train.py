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
from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
from torch import nn
from transformers import Qwen2Tokenizer, Qwen3ForCausalLM

from klein_ui.postcard.batches import Batch, edit, text_to_image
from klein_ui.postcard.checkpoint import load_checkpoint, save_checkpoint
from klein_ui.postcard.data import Pool, pool_folder
from klein_ui.postcard.emphasis import channel_weights
from klein_ui.postcard.model import build_transformer, embed_text, image_ids, text_ids, tokenize
from klein_ui.postcard.optimisers import Average, Optimisers
from klein_ui.postcard.probe import LayoutProbe
from klein_ui.postcard.references import EditPool, edit_folder
from klein_ui.postcard.tokenizer import MAX_TOKENS

TEXT_LENGTHS = (24, 40, 64, 128)
TEXT_LENGTH_SHARES = (0.66, 0.17, 0.10, 0.07)


def forward(
    model: nn.Module, probe: LayoutProbe, batch: Batch, prompt: torch.Tensor
) -> torch.Tensor:
    """The velocity (batch, tokens, 64) that the transformer answers."""
    places = image_ids(batch.rows, batch.columns, device=prompt.device)
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
            txt_ids=text_ids(prompt.shape[1], device=prompt.device),
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
        self.device = torch.device(args.device)
        torch.manual_seed(args.seed)
        self.model = first_transformer(self.run).to(self.device)
        self.probe = LayoutProbe(self.model.inner_dim).to(self.device)
        self.whole = nn.ModuleDict({"transformer": self.model, "probe": self.probe})
        self.optimisers = Optimisers(self.model, self.probe, args.rate, bf16=args.bf16)
        self.average = Average(self.model)
        self.tokenizer = Qwen2Tokenizer.from_pretrained(self.run / "tokenizer")
        encoder = Qwen3ForCausalLM.from_pretrained(self.run / "text_encoder")
        self.encoder = encoder.eval().requires_grad_(False).to(self.device)
        self.sizes = parse_mix(args.mix)
        self.pools = {size: Pool(pool_folder(self.run, *sides_of(size))) for size in self.sizes}
        self.kinds = parse_mix(args.edits) if args.edit_share else {}
        self.edits = {kind: EditPool(edit_folder(self.run, kind)) for kind in self.kinds}
        self.channels = self.weigh_channels().to(self.device)
        for block in (*self.model.transformer_blocks[:-1], *self.model.single_transformer_blocks):
            # Fuses the element-wise work: a fifth of the time. Not the block that is listened to.
            block.compile()

    def weigh_channels(self) -> torch.Tensor:
        """Weights (64,) of the loss, from the decoder of the run."""
        vae = AutoencoderKLFlux2.from_pretrained(self.run / "vae").eval()
        pool = next(iter(self.pools.values()))
        return channel_weights(vae, pool.take(np.arange(min(16, len(pool))))[2])

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a kind, then a batch of about the same number of tokens of every kind."""
        if rng.random() < self.args.edit_share:
            edits = self.edits[draw(self.kinds, rng)]
            return edit(edits, max(4, self.args.tokens // (edits.tokens + 32)), rng)
        pool = self.pools[draw(self.sizes, rng)]
        return text_to_image(pool, max(4, self.args.tokens // (pool.tokens + 32)), rng)

    def prompt(self, texts: list[str], rng: np.random.Generator) -> torch.Tensor:
        """Embeddings (batch, length, 384); the length is drawn, but no text is cut short."""
        least = rng.choice(TEXT_LENGTHS, p=TEXT_LENGTH_SHARES)
        ids, mask = tokenize(self.tokenizer, texts, MAX_TOKENS)
        longest = int(mask.sum(dim=1).max())
        length = min(n for n in TEXT_LENGTHS if n >= max(longest, least))
        with torch.no_grad():
            ids, mask = ids[:, :length].to(self.device), mask[:, :length].to(self.device)
            return embed_text(self.encoder, ids, mask)

    def step(self, step: int) -> dict[str, float]:
        """One update; the numbers for the log."""
        rng = np.random.default_rng((self.args.seed, step))
        batch = self.batch(rng).to(self.device)
        prompt = self.prompt(batch.texts, rng)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.bf16):
            answer = forward(self.model, self.probe, batch, prompt).float()
        squares = (answer - batch.velocity).square()
        error = squares.detach().mean(dim=(1, 2))
        loss = (squares * self.channels * batch.weights[..., None]).mean()
        numbers = {}
        if batch.bits is not None:
            probe_loss, numbers["layout"] = self.probe.loss(batch.bits)
            loss = loss + self.args.probe_weight * probe_loss
        self.optimisers.update(loss, self.whole, step, self.args.steps)
        self.average.update(self.model, step)
        kind = "edit " if batch.bits is None else ""
        for name, chosen in (("first", batch.sigmas > 0.999), ("later", batch.sigmas <= 0.999)):
            if bool(chosen.any()):
                numbers[kind + name] = float(error[chosen].mean())
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


def parse_mix(mix: str) -> dict[str, float]:
    """``"128x128:0.7,256x256:0.3"`` as shares by name."""
    parts = (part.partition(":") for part in mix.split(","))
    return {name: float(share or 1) for name, _, share in parts}


def sides_of(size: str) -> tuple[int, int]:
    """``"128x256"`` as width and height."""
    width, height = (int(side) for side in size.split("x"))
    return width, height


def draw(shares: dict[str, float], rng: np.random.Generator) -> str:
    """One of the names, by their shares."""
    weights = np.asarray(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))


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
    options.add_argument("--edits", default="1x128from128:0.6,2x128from128:0.4", help="edit kinds")
    options.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    options.add_argument("--probe-weight", type=float, default=0.1)
    options.add_argument("--save-every", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument(
        "--bf16", action="store_true", help="multiply in bfloat16: where the processor can, faster"
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options.add_argument("--device", default=device, help=f"where to train (here {device})")
    return options


if __name__ == "__main__":
    train(parser().parse_args())
