"""What all tests share."""

import gc
import os
from collections.abc import Iterator

# Read when gradio and libgomp are imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Several workers share the cores, and the models are small: more threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# Shared machines stall; how long an example takes says nothing here.
settings.register_profile("klein", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("klein")

Image.init()
READERS, IDS, MOST_PIXELS = dict(Image.OPEN), list(Image.ID), Image.MAX_IMAGE_PIXELS


# All that is imported and collected stays: looking through it again and again is for nothing.
gc.disable()


def pytest_collection_finish() -> None:
    """Each load of a model has Python look for what nobody holds any more: among all that the tests
    of this process have imported, a third of a second every time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Python looks through all of it once more when it ends."""
    gc.freeze()


@pytest.fixture(autouse=True)
def all_readers() -> Iterator[None]:
    """A page cuts Pillow's readers for its whole process; tests look at GIFs too."""
    yield
    Image.OPEN.update(READERS)
    Image.ID[:] = IDS
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
