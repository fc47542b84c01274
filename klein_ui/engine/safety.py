"""A safety check from a folder: an image classifier for transformers, never from a hub."""

from pathlib import Path

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from klein_ui.contract import EngineFailed, Pixels
from klein_ui.safety import Check, Verdict

UNSAFE_LABELS = frozenset({"nsfw", "unsafe", "porn", "hentai", "sexy", "explicit"})
THRESHOLD = 0.85
"""Of all unsafe labels together; the authors of FLUX.2 use it with Falconsai's classifier."""

MISSING = "There is no image classifier in “{folder}”; give another folder with --safety."
NO_LABEL = (
    "The classifier in “{folder}” has no label that says unsafe, such as nsfw; "
    "give another folder with --safety."
)


def load(folder: Path, threshold: float = THRESHOLD) -> Check:
    """The check in `folder`, on the CPU. Raises `EngineFailed` where there is none to rely on."""
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        # Only safetensors: a pickle could run anything.
        model = AutoModelForImageClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    # What is in a folder may be anything, and makes transformers raise nearly anything.
    except Exception as error:
        raise EngineFailed(MISSING.format(folder=folder)) from error
    labels = {int(index): str(label) for index, label in model.config.id2label.items()}
    unsafe = [index for index, label in labels.items() if label.casefold() in UNSAFE_LABELS]
    if not unsafe:
        raise EngineFailed(NO_LABEL.format(folder=folder))
    model.eval()

    def check(pixels: Pixels) -> Verdict:
        seen = processor(images=Image.fromarray(pixels), return_tensors="pt")
        with torch.inference_mode():
            shares = model(**seen).logits[0].float().softmax(dim=-1)
        if not bool(torch.isfinite(shares).all()):
            raise ValueError("the classifier answers with no numbers")
        score = float(shares[unsafe].sum())
        most = labels[max(unsafe, key=lambda index: float(shares[index]))]
        return Verdict(score <= threshold, most, score)

    return check
