"""Assemble the pipeline folder: ``python -m klein_ui.postcard.export --help``.

With ``--unpack`` the other way: a training folder from the shipped weights, to train on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
from transformers import Qwen2Tokenizer, Qwen3ForCausalLM

from klein_ui.postcard.model import build_scheduler, build_text_encoder, build_transformer
from klein_ui.postcard.vae import build_vae


def assemble(run: Path) -> Flux2KleinPipeline:
    """A pipeline of the parts in a training folder; parts that are missing are untrained."""
    tokenizer = Qwen2Tokenizer.from_pretrained(run / "tokenizer")
    return Flux2KleinPipeline(
        scheduler=build_scheduler(),
        vae=_part(run / "vae", AutoencoderKLFlux2) or build_vae(),
        text_encoder=_part(run / "text_encoder", Qwen3ForCausalLM)
        or build_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        transformer=_part(run / "transformer", Flux2Transformer2DModel) or build_transformer(),
        is_distilled=True,
    )


def _part(folder: Path, kind: type) -> torch.nn.Module | None:
    return kind.from_pretrained(folder) if folder.exists() else None  # type: ignore[attr-defined]


def export(pipeline: Flux2KleinPipeline, target: Path) -> int:
    """Write the folder beside its place and swap it in; returns its size in bytes.

    What else lies in the target, such as the model card, is kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    draft.chmod(0o755)
    pipeline.save_pretrained(draft, safe_serialization=True)
    _forget_folders(draft)
    if target.exists():
        for path in target.iterdir():
            if not (draft / path.name).exists():
                _copy(path, draft / path.name)
        old = target.with_name(f".{target.name}-old")
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
        os.rename(draft, target)
        shutil.rmtree(old)
    else:
        os.rename(draft, target)
    return sum(p.stat().st_size for p in target.rglob("*") if p.is_file())


def _forget_folders(pipeline: Path) -> None:
    """Diffusers writes where a part was loaded from; that is a folder of the training machine."""
    for config in pipeline.glob("*/config.json"):
        said = json.loads(config.read_text(encoding="utf-8"))
        said.pop("_name_or_path", None)
        config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def unpack(pipeline: Path, run: Path) -> None:
    """Make a training folder of a pipeline folder; parts that are there already are kept."""
    for part in ("vae", "text_encoder", "tokenizer", "transformer"):
        if not (run / part).exists():
            shutil.copytree(pipeline / part, run / part)


def _copy(source: Path, destination: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, destination)
    else:
        shutil.copy2(source, destination)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Export a training folder as a pipeline.")
    options.add_argument("--run", default="runs/postcard", help="the training folder")
    options.add_argument("--target", default="assets/postcard")
    options.add_argument("--unpack", action="store_true", help="target to run instead")
    return options


if __name__ == "__main__":
    arguments = parser().parse_args()
    if arguments.unpack:
        unpack(Path(arguments.target), Path(arguments.run))
    else:
        size = export(assemble(Path(arguments.run)), Path(arguments.target))
        print(f"{arguments.target}: {size / 1e6:.1f} MB")
