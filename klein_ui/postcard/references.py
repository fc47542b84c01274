"""Training pictures for edits: ``python -m klein_ui.postcard.references --help``.

A shard holds instructions with one to three encoded reference pictures each and the picture that
should come out. Everything keeps the composition of the image it comes from.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor

from klein_ui.postcard.emphasis import token_weights
from klein_ui.postcard.instructions import IMAGES, Edit, draw_edit
from klein_ui.postcard.layouts import BITS, layout_of
from klein_ui.postcard.pictures import as_tensor
from klein_ui.postcard.scenes import Layout, Scene, render
from klein_ui.postcard.vae import PIXELS_PER_TOKEN, encode, load_vae

REFERENCE_COUNTS = (1, 2, 3)

COMPOSED_BY = ("light", "object", "terrain")
"""Which attribute's source gives each bit of the composition."""


@dataclass(frozen=True)
class EditShard:
    """Edits with the same number of references.

    Attributes:
        texts: the instructions.
        references: float16 (count, references, 64, rows, columns).
        targets: float16 (count, 64, rows, columns).
        weights: float32 (count, rows * columns), how much each place counts.
    """

    texts: list[str]
    references: Tensor
    targets: Tensor
    weights: Tensor


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
    vae: AutoencoderKLFlux2,
    count: int,
    references: int,
    size: int,
    reference_size: int,
    rng: np.random.Generator,
) -> EditShard:
    """Draw, render and encode edits of square pictures."""

    def encoded(scene: Scene, layout: Layout, side: int) -> Tensor:
        return encode(vae, as_tensor(render(scene, layout, side, side))[None])[0].half()

    tokens = size // PIXELS_PER_TOKEN
    texts, looked_at, targets, weights = [], [], [], []
    for _ in range(count):
        edit = draw_edit(references, rng)
        bits = [[bool(b) for b in rng.integers(0, 2, BITS)] for _ in edit.references]
        pairs = zip(edit.references, bits, strict=True)
        shown = [encoded(scene, layout_of(bit), reference_size) for scene, bit in pairs]
        layout = target_layout(edit, bits)
        looked_at.append(torch.stack(shown))
        targets.append(encoded(edit.target, layout, size))
        weights.append(token_weights(edit.target, layout, tokens, tokens))
        texts.append(edit.text)
    return EditShard(texts, torch.stack(looked_at), torch.stack(targets), torch.stack(weights))


def save_edits(shard: EditShard, path: Path) -> None:
    """Write a shard; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    torch.save({f.name: getattr(shard, f.name) for f in fields(shard)}, draft)
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

    @property
    def tokens(self) -> int:
        """Image tokens of one sample, references included."""
        shard = next(iter(self._shards.values()))
        looked_at = shard.references[0, :, 0].numel()
        return looked_at + shard.targets[0, 0].numel()

    def take(self, count: int, rng: np.random.Generator) -> EditShard:
        """Random edits, as float32, all of one shard."""
        shards = list(self._shards.values())
        shard = shards[int(rng.integers(len(shards)))]
        chosen = [int(i) for i in rng.integers(len(shard.texts), size=count)]
        return EditShard(
            [shard.texts[i] for i in chosen],
            shard.references[chosen].float(),
            shard.targets[chosen].float(),
            shard.weights[chosen],
        )


def edit_folder(run: Path, kind: str) -> Path:
    """Where the edit shards of one kind lie in a training folder, such as ``2x128from256``."""
    return run / "edits" / kind


def main(args: argparse.Namespace) -> None:
    """Write the shards that are missing."""
    torch.set_num_threads(args.threads)
    run, looked_at = Path(args.run), args.reference_size or args.size
    vae = load_vae(run, bf16=args.bf16)
    for number in range(args.shards):
        for references in REFERENCE_COUNTS:
            kind = f"{references}x{args.size}from{looked_at}"
            path = edit_folder(run, kind) / f"{number:05d}.pt"
            if path.exists():
                continue
            began = time.monotonic()
            rng = np.random.default_rng((args.seed, references, args.size, looked_at, number))
            shard = make_edits(vae, args.count, references, args.size, looked_at, rng)
            save_edits(shard, path)
            print(f"{path} {time.monotonic() - began:.1f} s", flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Render and encode pictures for edits.")
    options.add_argument("--run", default="runs/postcard", help="training folder with the VAE")
    options.add_argument("--size", type=int, default=128, help="side of the results")
    options.add_argument("--reference-size", type=int, help="side of the references, if another")
    options.add_argument("--shards", type=int, default=40, help="per number of references")
    options.add_argument("--count", type=int, default=256, help="edits in a shard")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--bf16", action="store_true", help="encode in bfloat16: faster")
    return options


if __name__ == "__main__":
    main(parser().parse_args())
