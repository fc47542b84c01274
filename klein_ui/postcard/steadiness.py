"""Whether pictures stay and change when they should: ``python -m klein_ui.postcard.steadiness``.

Seeds must differ, a letter that completes no word should change little, and a seed must keep its
composition when the size grows. All of it in the app's own noise, judged from the pixels.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from klein_ui.engine.noise import NoiseField
from klein_ui.postcard.captions import Caption, random_caption, says_something
from klein_ui.postcard.judge import composition_of, shrink
from klein_ui.postcard.model import STEPS, TEXT_OUT_LAYERS
from klein_ui.postcard.tokenizer import MAX_TOKENS
from klein_ui.postcard.vae import PIXELS_PER_TOKEN, TOKEN_CHANNELS

HELD_OUT_SEED = 555_555
NOISE_BYTES = 2**27

Paint = Callable[[str, int, int], Image.Image]


def painter(pipeline: Any) -> Paint:
    """Makes the picture of a prompt, a seed and a side in pixels, from the app's noise."""
    field = NoiseField(TOKEN_CHANNELS, NOISE_BYTES)

    def paint(prompt: str, seed: int, size: int) -> Image.Image:
        tokens = size // PIXELS_PER_TOKEN
        image: Image.Image = pipeline(
            prompt=prompt,
            height=size,
            width=size,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            latents=field.latents(seed, tokens, tokens),
            text_encoder_out_layers=TEXT_OUT_LAYERS,
            max_sequence_length=MAX_TOKENS,
        ).images[0]
        return image

    return paint


def apart(a: Image.Image, b: Image.Image) -> float:
    """The mean difference of two pictures, 0 to 255."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def letters(prompt: str) -> list[tuple[str, str, bool]]:
    """Each state and the next one with a letter more, and whether that completes a known word."""
    states = [prompt[:end] for end in range(1, len(prompt) + 1)]
    return [(before, after, completes(after)) for before, after in pairwise(states)]


def completes(text: str) -> bool:
    """Whether the last word of `text` says something."""
    last = re.split(r"[\s,]+", text)[-1]
    return bool(last) and says_something(last.lower())


def measure(paint: Paint, captions: list[Caption], size: int) -> dict[str, float]:
    """Mean differences between seeds, over letters of both kinds, and the share of compositions
    kept from half the size."""
    seeds, quiet, telling = list[float](), list[float](), list[float]()
    kept: list[bool] = []
    for seed, caption in enumerate(captions):
        picture = paint(caption.text, seed, size)
        seeds.append(apart(picture, paint(caption.text, seed + 1000, size)))
        half = composition_of(shrink(paint(caption.text, seed, size // 2)), caption.scene)
        kept.append(half == composition_of(shrink(picture), caption.scene))
        shown = {text: paint(text, seed, size // 2) for text in prefixes(caption.text)}
        for before, after, says in letters(caption.text):
            (telling if says else quiet).append(apart(shown[before], shown[after]))
    return {
        "between seeds": float(np.mean(seeds)),
        "a letter that completes no word": float(np.mean(quiet)),
        "a letter that completes a word": float(np.mean(telling)),
        "composition kept at twice the size": float(np.mean(kept)),
    }


def prefixes(text: str) -> list[str]:
    """All states of a text while it is typed."""
    return [text[:end] for end in range(1, len(text) + 1)]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Measure what changes a picture and what not.")
    options.add_argument("--model", default="assets/postcard")
    options.add_argument("--prompts", type=int, default=12)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--threads", type=int, default=2)
    return options


def main(args: argparse.Namespace) -> None:
    """Load, measure, print."""
    torch.set_num_threads(args.threads)
    pipeline = DiffusionPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(HELD_OUT_SEED)
    captions = [random_caption(rng, plain=True) for _ in range(args.prompts)]
    for name, value in measure(painter(pipeline), captions, args.size).items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main(parser().parse_args())
