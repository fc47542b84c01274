"""Score a pipeline on held-out prompts: ``python -m klein_ui.postcard.evaluate --help``.

Per attribute the share of pictures that show what was asked, by :mod:`klein_ui.postcard.judge`.
The ceiling is the same judgement on the renderer's own pictures, the floor on the pipeline's
pictures against the prompts of others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from klein_ui.postcard.captions import Caption, random_caption
from klein_ui.postcard.judge import applies, composition_of, judge, shrink
from klein_ui.postcard.layouts import bits_of, layout_of
from klein_ui.postcard.model import STEPS, TEXT_OUT_LAYERS
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, render
from klein_ui.postcard.tokenizer import MAX_TOKENS
from klein_ui.postcard.vae import PIXELS_PER_TOKEN, TOKEN_CHANNELS

HELD_OUT_SEED = 987_654_321


@dataclass
class Score:
    """Right answers and questions per attribute."""

    right: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, correct: bool) -> None:
        """Count one judgement."""
        self.right[name] = self.right.get(name, 0) + int(correct)
        self.asked[name] = self.asked.get(name, 0) + 1

    def share(self, name: str) -> float:
        """The share of right answers, not a number when nothing was asked."""
        return self.right.get(name, 0) / self.asked[name] if self.asked.get(name) else float("nan")


def held_out(count: int) -> list[Caption]:
    """Captions that training does not draw, always the same."""
    rng = np.random.default_rng(HELD_OUT_SEED)
    return [random_caption(rng, plain=index % 2 == 0) for index in range(count)]


def noise_of_seed(seed: int, width: int, height: int) -> torch.Tensor:
    """The pipeline's own first noise (1, 64, rows, columns) for a CPU generator with a seed."""
    shape = (1, TOKEN_CHANNELS, height // PIXELS_PER_TOKEN, width // PIXELS_PER_TOKEN)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def paint(
    pipeline: Any, texts: Sequence[str], seeds: Sequence[int], size: int, steps: int = STEPS
) -> list[Image.Image]:
    """Pictures of prompts, through the stock pipeline call."""
    images: list[Image.Image] = pipeline(
        prompt=list(texts),
        height=size,
        width=size,
        num_inference_steps=steps,
        guidance_scale=1.0,
        latents=torch.cat([noise_of_seed(seed, size, size) for seed in seeds]),
        text_encoder_out_layers=TEXT_OUT_LAYERS,
        max_sequence_length=MAX_TOKENS,
    ).images
    return images


def score_picture(score: Score, picture: Any, caption: Caption) -> None:
    """Judge every attribute that a caption names."""
    small = shrink(picture)
    for name in ATTRIBUTE_VALUES:
        if name in caption.mentions and applies(caption.scene, name):
            found = judge(small, caption.scene, name)
            score.add(name, found == getattr(caption.scene, name))


def psnr(a: Any, b: Any) -> float:
    """Peak signal-to-noise ratio in dB of two 8-bit pictures."""
    error = (np.asarray(a, np.float32) - np.asarray(b, np.float32)) / 255
    return float(-10 * np.log10(np.square(error).mean() + 1e-9))


def evaluate(pipeline: Any, count: int, size: int, steps: int, batch: int = 10) -> dict[str, Any]:
    """The table as a dictionary: per attribute model, ceiling, floor, and how many were asked."""
    captions = held_out(count)
    pictures: list[Image.Image] = []
    for start in range(0, count, batch):
        part = range(start, min(start + batch, count))
        pictures += paint(pipeline, [captions[i].text for i in part], list(part), size, steps)
    model, ceiling, floor, likeness, placed = Score(), Score(), Score(), [], []
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        bits = bits_of(noise_of_seed(index, size, size))[0]
        drawn = render(caption.scene, layout_of(bits), size, size)
        score_picture(model, picture, caption)
        score_picture(ceiling, drawn, caption)
        score_picture(floor, picture, captions[(index + 1) % count])
        likeness.append(psnr(picture, drawn))
        wanted = sum(int(b) << k for k, b in enumerate(bits))
        placed.append(composition_of(shrink(picture), caption.scene) == wanted)
    rows = {
        name: {
            "model": model.share(name),
            "ceiling": ceiling.share(name),
            "floor": floor.share(name),
            "asked": model.asked.get(name, 0),
        }
        for name in ATTRIBUTE_VALUES
    }
    return {
        "prompts": count,
        "size": size,
        "steps": steps,
        "psnr": float(np.mean(likeness)),
        "composition": float(np.mean(placed)),
        "attributes": rows,
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = ["| attribute | model | renderer | shuffled | asked |", "|---|---|---|---|---|"]
    for name, row in result["attributes"].items():
        shares = " | ".join(f"{row[k]:.1%}" for k in ("model", "ceiling", "floor"))
        lines.append(f"| {name} | {shares} | {row['asked']} |")
    lines.append(
        f"\n{result['prompts']} prompts, {result['size']} px, {result['steps']} steps: "
        f"composition of the seed {result['composition']:.1%}, "
        f"PSNR against the renderer {result['psnr']:.1f} dB"
    )
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Score the postcard pipeline by its pixels.")
    options.add_argument("--model", default="assets/postcard")
    options.add_argument("--prompts", type=int, default=500)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--steps", type=int, default=STEPS)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--json", type=Path, help="write the numbers there too")
    return options


def main(args: argparse.Namespace) -> None:
    """Load, score, print."""
    torch.set_num_threads(args.threads)
    pipeline = DiffusionPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    result = evaluate(pipeline, args.prompts, args.size, args.steps)
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(parser().parse_args())
