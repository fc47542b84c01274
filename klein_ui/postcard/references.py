"""Training pictures for edits: ``python -m klein_ui.postcard.references --help``.

A shard holds instructions with one or two encoded reference pictures each and the picture that
should come out. Everything keeps the composition of the image it comes from.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor

from klein_ui.postcard.captions import random_caption
from klein_ui.postcard.instructions import (
    IMAGES,
    Edit,
    caption_as_edit,
    random_blend,
    random_edit,
)
from klein_ui.postcard.layouts import BITS, layout_of
from klein_ui.postcard.pictures import as_tensor
from klein_ui.postcard.scenes import Layout, Scene, render
from klein_ui.postcard.vae import encode

COMPOSED_BY = ("light", "object", "terrain")
"""Which attribute's source gives each bit of the composition."""


@dataclass(frozen=True)
class EditShard:
    """Edits with the same number of references.

    Attributes:
        texts: the instructions.
        references: float16 (count, references, 64, rows, columns).
        targets: float16 (count, 64, rows, columns).
    """

    texts: list[str]
    references: Tensor
    targets: Tensor


def draw_edit(references: int, rng: np.random.Generator) -> Edit:
    """An instruction about one or two random scenes; a quarter of the first are captions."""
    first, second = (random_caption(rng).scene for _ in range(2))
    if references == 2:
        return random_blend(first, second, rng)
    if rng.random() < 0.25:
        caption = random_caption(rng)
        return caption_as_edit(caption.text, caption.mentions, first)
    return random_edit(first, rng)


def target_layout(edit: Edit, bits: list[list[bool]]) -> Layout:
    """The composition of the result, from those of the references."""
    chosen = []
    for bit, name in enumerate(COMPOSED_BY):
        source = edit.sources[name]
        image = IMAGES.index(source) if source in IMAGES else 0
        chosen.append(bits[image][bit])
    return layout_of(chosen)


@torch.no_grad()
def make_edits(
    vae: AutoencoderKLFlux2, count: int, references: int, size: int, rng: np.random.Generator
) -> EditShard:
    """Draw, render and encode edits of square pictures."""

    def encoded(scene: Scene, layout: Layout) -> Tensor:
        return encode(vae, as_tensor(render(scene, layout, size, size))[None])[0].half()

    texts, looked_at, targets = [], [], []
    for _ in range(count):
        edit = draw_edit(references, rng)
        bits = [[bool(b) for b in rng.integers(0, 2, BITS)] for _ in edit.references]
        pairs = zip(edit.references, bits, strict=True)
        looked_at.append(torch.stack([encoded(s, layout_of(b)) for s, b in pairs]))
        targets.append(encoded(edit.target, target_layout(edit, bits)))
        texts.append(edit.text)
    return EditShard(texts, torch.stack(looked_at), torch.stack(targets))


def save_edits(shard: EditShard, path: Path) -> None:
    """Write a shard; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    state = {"texts": shard.texts, "references": shard.references, "targets": shard.targets}
    torch.save(state, draft)
    os.replace(draft, path)


def load_edits(path: Path) -> EditShard:
    """Read a shard."""
    return EditShard(**torch.load(path, weights_only=True))


class EditPool:
    """All edit shards in a folder, growing while others are being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[Path, EditShard] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take up shards written since."""
        for path in sorted(set(self._folder.glob("*.pt")) - set(self._shards)):
            self._shards[path] = load_edits(path)

    def __len__(self) -> int:
        return sum(len(shard.texts) for shard in self._shards.values())

    def take(self, count: int, rng: np.random.Generator) -> EditShard:
        """Random edits, as float32, all of one shard."""
        shards = list(self._shards.values())
        shard = shards[int(rng.integers(len(shards)))]
        chosen = [int(i) for i in rng.integers(len(shard.texts), size=count)]
        return EditShard(
            [shard.texts[i] for i in chosen],
            shard.references[chosen].float(),
            shard.targets[chosen].float(),
        )


def edit_folder(run: Path, references: int, size: int) -> Path:
    """Where the edit shards lie in a training folder."""
    return run / "edits" / f"{references}x{size}"


def main(args: argparse.Namespace) -> None:
    """Write the shards that are missing."""
    torch.set_num_threads(args.threads)
    run = Path(args.run)
    vae = AutoencoderKLFlux2.from_pretrained(run / "vae").eval()
    for number in range(args.shards):
        for references in (1, 2):
            path = edit_folder(run, references, args.size) / f"{number:05d}.pt"
            if path.exists():
                continue
            began = time.monotonic()
            rng = np.random.default_rng((args.seed, references, args.size, number))
            save_edits(make_edits(vae, args.count, references, args.size, rng), path)
            print(f"{path} {time.monotonic() - began:.1f} s", flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Render and encode pictures for edits.")
    options.add_argument("--run", default="runs/postcard", help="training folder with the VAE")
    options.add_argument("--size", type=int, default=128)
    options.add_argument("--shards", type=int, default=40, help="per number of references")
    options.add_argument("--count", type=int, default=256, help="edits in a shard")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    return options


if __name__ == "__main__":
    main(parser().parse_args())
