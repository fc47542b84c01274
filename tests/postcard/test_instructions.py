"""Edits: what is named changes, the rest and the composition stay."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from klein_ui.postcard.captions import random_caption, says_something
from klein_ui.postcard.instructions import (
    IMAGES,
    draw_edit,
    random_blend,
    random_edit,
    unfinished_edit,
)
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.references import target_layout
from klein_ui.postcard.scenes import Scene


def test_an_edit_changes_only_what_it_names() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        scene = random_caption(rng).scene
        edit = random_edit((scene,), rng)
        named = {name for name, source in edit.sources.items() if source not in IMAGES}
        changed = {n for n, v in asdict(edit.target).items() if v != getattr(scene, n)}
        assert changed == named
        assert 1 <= len(named) <= 2


@pytest.mark.parametrize("count", [2, 3])
def test_a_blend_names_the_images_it_takes_from(count: int) -> None:
    rng = np.random.default_rng(1)
    scenes = tuple(random_caption(rng).scene for _ in range(count))
    seen = set()
    for _ in range(200):
        edit = random_blend(scenes, rng)
        used = set(edit.sources.values()) & set(IMAGES)
        assert 2 <= len(used) <= count
        seen |= used
        # Only image 1 may go without saying.
        assert all(image in edit.text.lower() for image in used - {IMAGES[0]})
    assert seen == set(IMAGES[:count])


def test_an_unfinished_instruction_says_nothing_and_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    scene = Scene(object="house")
    texts = set()
    for _ in range(100):
        edit = unfinished_edit((scene,), rng)
        assert edit.target == scene
        assert not says_something(edit.text)
        texts.add(edit.text)
    assert len(texts) > 30


def test_removal_takes_the_thing_away() -> None:
    scene = Scene(object="house")
    rng = np.random.default_rng(2)
    edits = [random_edit((scene,), rng) for _ in range(300)]
    assert any(edit.target == replace(scene, object="none") for edit in edits)


def test_each_part_keeps_the_place_it_had() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        edit = draw_edit(2, rng)
        bits = [[True, True, True], [False, False, False]]
        layout = target_layout(edit, bits)
        wanted = [edit.sources[n] != IMAGES[1] for n in ("light", "object", "terrain")]
        assert layout == layout_of(wanted)
    single = draw_edit(1, rng)
    assert target_layout(single, [[True, False, True]]) == layout_of([True, False, True])
