"""What lasts is not looked through, and what is made after it is."""

import gc
import weakref
from collections.abc import Iterator

import pytest

import app
from klein_ui.lasting import lasting


class Ring:
    """Refers to itself, so that only the collector can end it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    gc.collect()
    yield
    gc.enable()


def test_what_is_made_meanwhile_is_not_looked_at_again() -> None:
    with lasting():
        assert not gc.isenabled()
        lasts = weakref.ref(Ring())
    assert gc.isenabled()
    gc.collect()
    assert lasts() is not None


def test_what_is_made_after_it_is_collected() -> None:
    with lasting():
        pass
    ends = weakref.ref(Ring())
    gc.collect()
    assert ends() is None


def test_a_failure_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), lasting():
        raise ImportError
    assert gc.isenabled()


def test_the_engines_are_imported_once_and_the_models_are_collected() -> None:
    load = app.load_function()
    frozen = gc.get_freeze_count()
    # A second model: nothing of the first may last.
    assert app.load_function() is load
    assert gc.get_freeze_count() <= frozen
    assert gc.isenabled()
