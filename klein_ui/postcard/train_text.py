"""Teach the text encoder to read: ``python -m klein_ui.postcard.train_text --help``.

Linear heads on the end marks and on the padding must name the value of every attribute of the
scene that a text stands for (or the image that an edit takes it from), and which attributes were
said. The heads are dropped; what they force into the hidden states is what the transformer reads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Qwen2Tokenizer, Qwen3ForCausalLM

from klein_ui.postcard.captions import random_caption
from klein_ui.postcard.checkpoint import load_checkpoint, save_checkpoint
from klein_ui.postcard.instructions import IMAGES, draw_edit
from klein_ui.postcard.model import TEXT_WIDTH, build_text_encoder, tokenize
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES
from klein_ui.postcard.tokenizer import train_tokenizer

NAMES = tuple(ATTRIBUTE_VALUES)


@dataclass(frozen=True)
class Reading:
    """A text, the value or image behind every attribute, and the attributes that it names."""

    text: str
    sources: Mapping[str, str]
    said: frozenset[str]


class Reader(nn.Module):
    """A text encoder with one linear head per attribute on its last layer."""

    def __init__(self, encoder: Qwen3ForCausalLM) -> None:
        super().__init__()
        self.encoder = encoder
        heads = {name: nn.Linear(TEXT_WIDTH, len(choices(name))) for name in NAMES}
        heads.update({f"said_{name}": nn.Linear(TEXT_WIDTH, 2) for name in NAMES})
        self.heads = nn.ModuleDict(heads)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Logits (batch, length, values) of every attribute at every place."""
        states = self.encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return {name: head(states) for name, head in self.heads.items()}


def choices(name: str) -> tuple[str, ...]:
    """What a head tells apart: the values of an attribute, and the images."""
    return ATTRIBUTE_VALUES[name] + IMAGES


def random_reading(rng: np.random.Generator) -> Reading:
    """A caption, or less often an edit of one to three images."""
    kind = rng.random()
    if kind < 0.6:
        caption = random_caption(rng)
        return Reading(caption.text, asdict(caption.scene), frozenset(caption.mentions))
    edit = draw_edit(1 if kind < 0.78 else int(rng.integers(2, 4)), rng)
    said = frozenset(name for name, source in edit.sources.items() if source not in IMAGES)
    return Reading(edit.text, edit.sources, said)


def labels_of(readings: list[Reading]) -> dict[str, Tensor]:
    """The right answer (batch,) of every head."""
    labels = {}
    for name in NAMES:
        labels[name] = torch.tensor([choices(name).index(r.sources[name]) for r in readings])
        labels[f"said_{name}"] = torch.tensor([int(name in r.said) for r in readings])
    return labels


def reading_loss(
    logits: dict[str, Tensor], labels: dict[str, Tensor], ids: Tensor, mask: Tensor
) -> tuple[Tensor, float]:
    """Cross-entropy at the end marks and the padding; the share of captions read without fault."""
    ends = (ids == 1) | (mask == 0)
    # A caption longer than the tokens allowed has lost its end marks.
    weight = ends.float() / ends.sum(dim=1, keepdim=True).clamp(min=1)
    total = torch.zeros(())
    right = torch.ones(len(ids), dtype=torch.bool)
    last = (ids == 1).float().argmax(dim=1)
    for name, values in logits.items():
        target = labels[name][:, None].expand(ids.shape)
        each = nn.functional.cross_entropy(values.transpose(1, 2), target, reduction="none")
        total = total + (each * weight).sum(dim=1).mean()
        right &= values[torch.arange(len(ids)), last].argmax(-1) == labels[name]
    return total, float(right.float().mean())


def train(args: argparse.Namespace) -> None:
    """Train, or go on from the checkpoint in the output folder."""
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(out, args.seed)
    torch.manual_seed(args.seed)
    reader = Reader(first_encoder(out, len(tokenizer)))
    optimiser = torch.optim.AdamW(reader.parameters(), lr=args.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=args.rate, total_steps=args.steps, pct_start=0.06
    )
    start = load_checkpoint(out / "reader.pt", reader, optimiser, schedule)
    began = time.monotonic()
    recent = 0.0
    for step in range(start, args.steps):
        rng = np.random.default_rng((args.seed, step))
        readings = [random_reading(rng) for _ in range(args.batch)]
        ids, mask = tokenize(tokenizer, [r.text for r in readings], length=36)
        logits = reader(ids, mask)
        loss, right = reading_loss(logits, labels_of(readings), ids, mask)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent += 0.05 * (right - recent)
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(f"step {step + 1} loss {loss:.3f} right {recent:.3f} {pace:.3f} s", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == args.steps:
            save_checkpoint(out / "reader.pt", reader, optimiser, schedule, step + 1)
            reader.encoder.save_pretrained(out / "text_encoder")


def first_encoder(out: Path, vocabulary: int) -> Qwen3ForCausalLM:
    """The encoder in a folder, to go on with other texts, or an untrained one."""
    folder = out / "text_encoder"
    if folder.exists():
        return Qwen3ForCausalLM.from_pretrained(folder)
    return build_text_encoder(vocabulary)


def load_tokenizer(out: Path, seed: int) -> Qwen2Tokenizer:
    """The tokenizer in a folder, trained on captions when there is none yet."""
    folder = out / "tokenizer"
    if not folder.exists():
        rng = np.random.default_rng((seed, 77))
        train_tokenizer(random_reading(rng).text for _ in range(30_000)).save_pretrained(folder)
    tokenizer: Qwen2Tokenizer = Qwen2Tokenizer.from_pretrained(folder)
    return tokenizer


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Train the tokenizer and the text encoder.")
    options.add_argument("--out", default="runs/postcard", help="folder of checkpoints")
    options.add_argument("--steps", type=int, default=3000)
    options.add_argument("--batch", type=int, default=96)
    options.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    return options


if __name__ == "__main__":
    train(parser().parse_args())
