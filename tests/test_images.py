"""Encoding: what goes out can be read back."""

import io

import numpy as np
from PIL import Image

from klein_ui import images
from klein_ui.contract import Pixels


def gradient() -> Pixels:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    return np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=-1)


def test_a_jpeg_is_close() -> None:
    with Image.open(io.BytesIO(images.jpeg(gradient(), 85))) as picture:
        assert picture.format == "JPEG"
        difference = np.asarray(picture).astype(int) - gradient()
    assert np.abs(difference).mean() < 3


def test_a_png_is_exact_and_keeps_its_texts() -> None:
    texts = {"klein-live": '{"prompt": "夜 🌋"}', "parameters": "plain"}
    with Image.open(io.BytesIO(images.png(gradient(), texts))) as picture:
        assert np.array_equal(np.asarray(picture), gradient())
        assert picture.info == texts
