"""Score edits by their pixels: ``python -m klein_ui.postcard.evaluate_edits --help``.

Held-out instructions about one, two or three drawn references, through the stock pipeline call.
What an instruction names (or takes from another image) must be seen in the result, and all else
must be as in image 1; both are judged as in :mod:`klein_ui.postcard.judge`, with the renderer's
own picture of the result as ceiling.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from klein_ui.postcard.evaluate import Score, noise_of_seed, psnr
from klein_ui.postcard.instructions import IMAGES, Edit, draw_edit
from klein_ui.postcard.judge import applies, judge, shrink
from klein_ui.postcard.layouts import BITS, layout_of
from klein_ui.postcard.model import STEPS, TEXT_OUT_LAYERS
from klein_ui.postcard.references import REFERENCE_COUNTS, target_layout
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, render
from klein_ui.postcard.tokenizer import MAX_TOKENS

HELD_OUT_SEED = 123_456_789


@dataclass(frozen=True)
class Sample:
    """An edit with the compositions (bits) of its references."""

    edit: Edit
    bits: list[list[bool]]


def held_out(count: int, references: int) -> list[Sample]:
    """Edits that training does not draw, always the same; all of them change something."""
    rng = np.random.default_rng((HELD_OUT_SEED, references))
    samples: list[Sample] = []
    while len(samples) < count:
        edit = draw_edit(references, rng)
        bits = [[bool(b) for b in rng.integers(0, 2, BITS)] for _ in edit.references]
        if changed(edit):
            samples.append(Sample(edit, bits))
    return samples


def changed(edit: Edit) -> set[str]:
    """The attributes that do not come from the image that gives the most."""
    base = max(IMAGES, key=list(edit.sources.values()).count)
    return {name for name, source in edit.sources.items() if source != base}


def apply_edit(pipeline: Any, sample: Sample, seed: int, size: int) -> Image.Image:
    """The result, through the stock pipeline call, with references of the same size."""
    looked_at = [
        Image.fromarray(render(scene, layout_of(bits), size, size))
        for scene, bits in zip(sample.edit.references, sample.bits, strict=True)
    ]
    image: Image.Image = pipeline(
        image=looked_at,
        prompt=sample.edit.text,
        height=size,
        width=size,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        latents=noise_of_seed(seed, size, size),
        text_encoder_out_layers=TEXT_OUT_LAYERS,
        max_sequence_length=MAX_TOKENS,
    ).images[0]
    return image


def score_edit(scores: dict[str, Score], picture: Any, edit: Edit) -> None:
    """Judge every attribute of the target: under ``changed`` or under ``kept``."""
    small, new = shrink(picture), changed(edit)
    for name in ATTRIBUTE_VALUES:
        if applies(edit.target, name):
            kind = "changed" if name in new else "kept"
            found = judge(small, edit.target, name)
            scores[kind].add(name, found == getattr(edit.target, name))


def evaluate(pipeline: Any, count: int, references: int, size: int) -> dict[str, Any]:
    """Shares of right attributes, changed and kept, of the model and of the renderer."""
    model, ceiling = ({kind: Score() for kind in ("changed", "kept")} for _ in range(2))
    likeness = []
    for seed, sample in enumerate(held_out(count, references)):
        layout = target_layout(sample.edit, sample.bits)
        drawn = render(sample.edit.target, layout, size, size)
        picture = apply_edit(pipeline, sample, seed, size)
        score_edit(model, picture, sample.edit)
        score_edit(ceiling, drawn, sample.edit)
        likeness.append(psnr(picture, drawn))
    return {
        "references": references,
        "edits": count,
        "size": size,
        "psnr": float(np.mean(likeness)),
        "model": {kind: shares(score) for kind, score in model.items()},
        "renderer": {kind: shares(score) for kind, score in ceiling.items()},
    }


def shares(score: Score) -> dict[str, float]:
    """The share of right answers per attribute, and under ``all`` over all of them."""
    every = sum(score.right.values()) / max(1, sum(score.asked.values()))
    return {"all": every, **{name: score.share(name) for name in sorted(score.asked)}}


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "| references | changed as asked | kept | renderer: changed, kept | PSNR dB | edits |",
        "|---|---|---|---|---|---|",
    ]
    for row in results:
        model, drawn = row["model"], row["renderer"]
        lines.append(
            f"| {row['references']} | {model['changed']['all']:.1%} | {model['kept']['all']:.1%} "
            f"| {drawn['changed']['all']:.1%}, {drawn['kept']['all']:.1%} "
            f"| {row['psnr']:.1f} | {row['edits']} |"
        )
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Score edits of the postcard pipeline.")
    options.add_argument("--model", default="assets/postcard")
    options.add_argument("--edits", type=int, default=200, help="per number of references")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--json", type=Path, help="write the numbers there too")
    return options


def main(args: argparse.Namespace) -> None:
    """Load, score, print."""
    torch.set_num_threads(args.threads)
    pipeline = DiffusionPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    results = [evaluate(pipeline, args.edits, n, args.size) for n in REFERENCE_COUNTS]
    print(table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(parser().parse_args())
