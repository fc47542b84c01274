"""Train the autoencoder: ``python -m klein_ui.postcard.train_vae --help``.

L1 on 64 px crops of rendered postcards, with noise on the latents (so that the decoder forgives
small errors of the transformer), and in the last part an L1 on the gradients of the picture.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor, nn

from klein_ui.postcard.checkpoint import load_checkpoint, save_checkpoint
from klein_ui.postcard.pictures import as_tensor, random_pictures
from klein_ui.postcard.vae import build_vae, decode, encode, set_statistics

CROP = 64
LATENT_NOISE = 0.1


def crops(pictures: list[np.ndarray], batch: int, rng: np.random.Generator) -> Tensor:
    """Random crops (batch, 3, 64, 64) in -1..1."""
    taken = []
    for index in rng.integers(len(pictures), size=batch):
        picture = pictures[index]
        top, left = (int(rng.integers(side - CROP + 1)) for side in picture.shape[:2])
        crop = as_tensor(picture[top : top + CROP, left : left + CROP])
        # Skies make blue and orange far commoner than green and magenta; swapping the colour
        # channels evens that out.
        taken.append(crop[rng.permutation(3)] if rng.random() < 0.5 else crop)
    return torch.stack(taken)


def loss_of(vae: AutoencoderKLFlux2, pixels: Tensor, edge_weight: float) -> tuple[Tensor, float]:
    """The training loss, and the plain L1 for the log."""
    latents = vae.encode(pixels).latent_dist.mode()
    # Holds the latents near unit size; without it the noise would be made harmless by growth.
    spread = torch.relu(latents.square().mean() - 1.0)
    decoded = vae.decode(latents + LATENT_NOISE * torch.randn_like(latents)).sample
    error = decoded - pixels
    plain = error.abs().mean()
    # Even areas first of all: without it one of the two colour axes is found late or never.
    areas = nn.functional.avg_pool2d(error, 8).abs().mean()
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return plain + areas + edge_weight * edges + 0.1 * spread, float(plain.detach())


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKLFlux2, pictures: list[np.ndarray]) -> float:
    """Mean PSNR in dB of whole pictures through the autoencoder."""
    values = []
    for picture in pictures:
        pixels = as_tensor(picture)[None]
        mse = float((decode(vae, encode(vae, pixels)) - pixels).div(2).square().mean())
        values.append(-10 * np.log10(mse + 1e-9))
    return float(np.mean(values))


def train(args: argparse.Namespace) -> None:
    """Train, or go on from the checkpoint in the output folder."""
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    vae = build_vae().to(args.device).train()
    optimiser = torch.optim.AdamW(vae.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0)
    start = load_checkpoint(out / "vae.pt", vae, optimiser, None)
    freeze_encoder(vae, args.decoder_only)
    pictures = random_pictures(args.pictures, args.seed, (256, 128, 512, 256))
    print(f"{len(pictures)} pictures, from step {start}", flush=True)
    began = time.monotonic()
    running = 0.3
    for step in range(start, args.steps):
        rng = np.random.default_rng((args.seed, step))
        torch.manual_seed(args.seed * 1_000_003 + step)
        edge_weight = 0.7 if step > args.steps * 0.6 else 0.15
        loss, plain = loss_of(vae, crops(pictures, args.batch, rng).to(args.device), edge_weight)
        optimiser.zero_grad()
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, args.steps, args.rate)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        running += 0.02 * (plain - running)
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(f"step {step + 1} L1 {running:.4f} {pace:.3f} s/step", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            save_checkpoint(out / "vae.pt", vae, optimiser, None, step + 1)
            finish(vae, out, args)


def rate_at(step: int, steps: int, peak: float) -> float:
    """The learning rate: a short warm-up, then half a cosine down to nearly nothing."""
    warm_up = min(1.0, (step + 1) / 300)
    return peak * warm_up * (0.505 + 0.495 * math.cos(math.pi * step / steps))


def freeze_encoder(vae: AutoencoderKLFlux2, frozen: bool) -> None:
    """Keep the latents as they are, once a transformer has been trained on them."""
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(not frozen)


def finish(vae: AutoencoderKLFlux2, out: Path, args: argparse.Namespace) -> None:
    """Set the statistics, save the weights for diffusers, and report the PSNR."""
    if not args.decoder_only:
        whole = random_pictures(160, args.seed + 1, (256, 128))
        set_statistics(vae, [as_tensor(p).to(args.device) for p in whole])
    vae.save_pretrained(out / "vae")
    psnr = reconstruction_psnr(vae, random_pictures(24, args.seed + 2, (256,)))
    print(f"PSNR at 256 px {psnr:.2f} dB", flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Train the postcard autoencoder.")
    options.add_argument("--out", default="runs/postcard", help="folder of checkpoints")
    options.add_argument("--steps", type=int, default=6000)
    options.add_argument("--batch", type=int, default=12)
    options.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    options.add_argument("--pictures", type=int, default=3000, help="rendered once at the start")
    options.add_argument(
        "--decoder-only", action="store_true", help="go on without changing the latents"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--device", default="cpu")
    return options


if __name__ == "__main__":
    train(parser().parse_args())
