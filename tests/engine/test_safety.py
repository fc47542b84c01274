"""A classifier from a folder, tiny and of random weights: loaded as a real one would be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from klein_ui.contract import EngineFailed
from klein_ui.engine import safety

PIXELS = np.random.default_rng(0).integers(0, 255, (96, 64, 3), dtype=np.uint8)


def saved(folder: Path, labels: tuple[str, str], leaning: float) -> Path:
    """A classifier whose answer is always about the second label, by `leaning`."""
    torch.manual_seed(0)
    names = dict(enumerate(labels))
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        id2label=names,
        label2id={label: index for index, label in names.items()},
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, leaning]))
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_a_check_says_what_its_classifier_says(tmp_path: Path) -> None:
    unsafe = safety.load(saved(tmp_path / "a", ("normal", "nsfw"), 20.0))(PIXELS)
    assert (unsafe.allowed, unsafe.label) == (False, "nsfw")
    assert unsafe.score > 0.99
    safe = safety.load(saved(tmp_path / "b", ("normal", "NSFW"), -20.0))(PIXELS)
    assert safe.allowed
    assert safe.score < 0.01


def test_a_classifier_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="no label that says unsafe"):
        safety.load(saved(tmp_path, ("cat", "dog"), 0.0))


def test_a_folder_without_a_classifier_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(EngineFailed, match="no image classifier"):
            safety.load(folder)


def test_a_broken_classifier_gives_no_verdict(tmp_path: Path) -> None:
    check = safety.load(saved(tmp_path, ("normal", "nsfw"), float("nan")))
    with pytest.raises(ValueError, match="no numbers"):
        check(PIXELS)
