"""A smaller decoder in place of the model's own: quicker, and of slightly other pictures.

On the hub it is a whole VAE with fewer channels in its decoder and the family's encoder. Only what
decodes is taken from it, so references are encoded as they are without it. How latents are
normalised belongs to the transformer that makes them, and stays the model's own too.
"""

import json
import re
from pathlib import Path
from typing import Any

from klein_ui.contract import EngineFailed, Progress
from klein_ui.engine.download import DECODER_INDEX, DECODER_WEIGHTS, Report, fetch_decoder
from klein_ui.engine.fingerprint import fingerprint
from klein_ui.models import Decoder, ModelRow

HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
WITHOUT = "choose another one, or start without --small-decoder"

VAE = "AutoencoderKLFlux2"

# Of the fingerprint, which tells one decoder from another in the path that a frame records.
NAME_CHARS = 12


def named(which: str | bool) -> Decoder | bool:
    """The decoder that the settings mean; a bool is whether to take the row's own.

    Raises `EngineFailed` for what is neither a folder nor a hub id.
    """
    if isinstance(which, bool):
        return which
    if Path(which).is_dir():
        return Decoder(f"The decoder “{which}”", which, None, local=True)
    found = HUB_ID.fullmatch(which)
    if found is None:
        raise EngineFailed(
            f"There is no decoder “{which}”; give its folder, a hub id such as "
            "somebody/their-decoder@SHA, or nothing behind --small-decoder."
        )
    repo, revision = found.groups()
    return Decoder(repo, repo, revision or "main", local=False)


def fetch_small_decoder(
    wanted: Decoder | bool, row: ModelRow, model: Path, report: Report
) -> Path | None:
    """The folder of the decoder for the pipeline in the folder `model`; None for its own.

    Raises `EngineFailed` where it cannot be had or is for other latents, before the large files of
    it are fetched.
    """
    decoder = row.small_decoder if wanted is True else wanted
    if not decoder:
        if wanted:
            report(Progress("decoder", f"{row.title} has no small decoder and keeps its own."))
        return None
    index = fetch_decoder(decoder, [DECODER_INDEX], report) / DECODER_INDEX
    theirs, ours = _latents(index), _latents(model / "vae" / DECODER_INDEX)
    if theirs is None:
        raise EngineFailed(f"{decoder.title} is no decoder for FLUX.2; {WITHOUT}.")
    if theirs != ours:
        raise EngineFailed(f"{decoder.title} is for other latents than {row.title}'s; {WITHOUT}.")
    return fetch_decoder(decoder, [DECODER_INDEX, DECODER_WEIGHTS], report)


def exchange(vae: Any, folder: Path) -> str:
    """Give `vae`, an `AutoencoderKLFlux2`, the decoder in `folder`; what a frame records of it.
    Raises `EngineFailed`."""
    try:
        other = type(vae).from_pretrained(
            folder, dtype=vae.dtype, use_safetensors=True, local_files_only=True
        )
    except Exception as error:
        raise EngineFailed(
            f"The files of the small decoder are incomplete or damaged ({type(error).__name__}); "
            f"remove “{folder}” and get them again."
        ) from error
    vae.decoder, vae.post_quant_conv = other.decoder, other.post_quant_conv
    return f"small decoder {fingerprint(folder, DECODER_WEIGHTS)[:NAME_CHARS]}"


def _latents(index: Path) -> tuple[Any, ...] | None:
    """What has to agree: channels and patches of the latents, pixels a side of each.

    None where `index` describes no decoder for FLUX.2.
    """
    try:
        said = json.loads(index.read_text(encoding="utf-8"))
        if said["_class_name"] != VAE:
            return None
        patches = said.get("patch_size", [2, 2])
        return said["latent_channels"], patches, len(said["block_out_channels"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
