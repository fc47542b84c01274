"""Encoded training pictures on disk: ``python -m klein_ui.postcard.data --help``.

A shard holds scenes rendered at one size, as normalised latents, together with what their
captions may say. The words themselves are drawn anew each time a scene is used.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor

from klein_ui.postcard.captions import random_mentions, resolve
from klein_ui.postcard.layouts import BITS, layout_of
from klein_ui.postcard.pictures import as_tensor
from klein_ui.postcard.scenes import render
from klein_ui.postcard.vae import PIXELS_PER_TOKEN, encode, load_vae


@dataclass(frozen=True)
class Shard:
    """Scenes of one size.

    Attributes:
        mentions: what may be said of each.
        bits: (count, 3) bool, the composition of each.
        latents: float16 (count, 64, rows, columns).
    """

    mentions: list[Mapping[str, str]]
    bits: Tensor
    latents: Tensor


@torch.no_grad()
def make_shard(
    vae: AutoencoderKLFlux2, count: int, width: int, height: int, rng: np.random.Generator
) -> Shard:
    """Draw, render and encode scenes."""
    mentions: list[Mapping[str, str]] = []
    bits, latents = [], []
    for _ in range(count):
        said = random_mentions(rng)
        bit = [bool(b) for b in rng.integers(0, 2, BITS)]
        picture = render(resolve(said), layout_of(bit), width, height)
        mentions.append(said)
        bits.append(torch.tensor(bit))
        latents.append(encode(vae, as_tensor(picture)[None])[0].half())
    return Shard(mentions, torch.stack(bits), torch.stack(latents))


def save_shard(shard: Shard, path: Path) -> None:
    """Write a shard; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    said = [json.dumps(m) for m in shard.mentions]
    torch.save({"mentions": said, "bits": shard.bits, "latents": shard.latents}, draft)
    os.replace(draft, path)


def load_shard(path: Path) -> Shard:
    """Read a shard."""
    state = torch.load(path, weights_only=True)
    return Shard([json.loads(m) for m in state["mentions"]], state["bits"], state["latents"])


class Pool:
    """All shards of one size that a folder holds, growing while others are being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[Path] = set()
        self.mentions: list[Mapping[str, str]] = []
        self._bits: list[Tensor] = []
        self._latents: list[Tensor] = []
        self._starts: list[int] = []
        self.refresh()

    def refresh(self) -> None:
        """Take up shards written since, in the order of their names."""
        for path in sorted(set(self._folder.glob("*.pt")) - self._known):
            shard = load_shard(path)
            self._known.add(path)
            self._starts.append(len(self.mentions))
            self.mentions.extend(shard.mentions)
            self._bits.append(shard.bits)
            self._latents.append(shard.latents)

    def __len__(self) -> int:
        return len(self.mentions)

    @property
    def tokens(self) -> int:
        """Image tokens of one picture."""
        rows, columns = self._latents[0].shape[-2:]
        return int(rows * columns)

    def take(self, indices: np.ndarray) -> tuple[list[Mapping[str, str]], Tensor, Tensor]:
        """Mentions, bits (batch, 3) and float32 latents (batch, 64, rows, columns)."""
        places = [self._place(int(i)) for i in indices]
        bits = torch.stack([self._bits[s][i] for s, i in places])
        latents = torch.stack([self._latents[s][i] for s, i in places]).float()
        return [self.mentions[int(i)] for i in indices], bits, latents

    def _place(self, index: int) -> tuple[int, int]:
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return shard, index - self._starts[shard]


def pool_folder(run: Path, width: int, height: int) -> Path:
    """Where the shards of one size lie in a training folder."""
    return run / "pool" / f"{width}x{height}"


def main(args: argparse.Namespace) -> None:
    """Write the shards that are missing."""
    torch.set_num_threads(args.threads)
    run = Path(args.run)
    vae = load_vae(run, bf16=args.bf16)
    sizes = [tuple(int(side) for side in size.split("x")) for size in args.sizes.split(",")]
    for width, height in sizes:
        if width % PIXELS_PER_TOKEN or height % PIXELS_PER_TOKEN:
            raise SystemExit(f"{width}x{height}: sides must be multiples of {PIXELS_PER_TOKEN}")
    for number in range(args.first, args.shards):
        for width, height in sizes:
            path = pool_folder(run, width, height) / f"{number:05d}.pt"
            if path.exists():
                continue
            began = time.monotonic()
            rng = np.random.default_rng((args.seed, width, height, number))
            save_shard(make_shard(vae, args.count, width, height, rng), path)
            print(f"{path} {time.monotonic() - began:.1f} s", flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Render and encode training pictures.")
    options.add_argument("--run", default="runs/postcard", help="training folder with the VAE")
    options.add_argument("--sizes", default="128x128,256x256")
    options.add_argument("--shards", type=int, default=40, help="per size")
    options.add_argument("--first", type=int, default=0, help="number of the first shard")
    options.add_argument("--count", type=int, default=512, help="scenes in a shard")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--bf16", action="store_true", help="encode in bfloat16: faster")
    return options


if __name__ == "__main__":
    main(parser().parse_args())
