"""A contact sheet: ``python -m klein_ui.postcard.sheet --help``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import DiffusionPipeline
from PIL import Image

from klein_ui.postcard.evaluate import paint

PROMPTS = (
    "",
    "a red sun over blue mountains at night",
    "a boat on the sea at sunset",
    "a house in the forest, foggy",
    "a pink heart over the city at night",
    "a hot air balloon over the desert at dawn",
    "storm over the sea, a white boat",
    "a green cube on purple hills",
    "pixel art, a house on the hills",
    "neon city with a purple moon",
    "watercolour, a tree in the meadow at dawn",
    "line drawing of mountains with a sun",
    "black and white forest with the moon",
    "a yellow star over the ocean at midnight",
    "blue desert under a green sun",
    "lonely oak in the fog",
    "red mountains, orange sky at dusk",
    "a cottage by the lake in the morning",
    "a thunderstorm over the skyline",
    "white balloon, pink hills",
    "moon",
    "a purple ship on the ocean, moonlit night",
    "neon heart in the desert",
    "a red house on white mountains by day",
)


def contact_sheet(images: list[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size side by side."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * width, index // columns * height))
    return sheet


def main(args: argparse.Namespace) -> None:
    """Paint the prompts and save the sheet."""
    torch.set_num_threads(args.threads)
    pipeline = DiffusionPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    images: list[Image.Image] = []
    for start in range(0, len(PROMPTS), 6):
        part = PROMPTS[start : start + 6]
        seeds = [args.seed + start + i for i in range(len(part))]
        images += paint(pipeline, part, seeds, args.size)
    contact_sheet(images, columns=6).save(args.out)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Paint 24 prompts on one sheet.")
    options.add_argument("--model", default="assets/postcard")
    options.add_argument("--out", type=Path, default=Path("postcard-sheet.png"))
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=2)
    return options


if __name__ == "__main__":
    main(parser().parse_args())
