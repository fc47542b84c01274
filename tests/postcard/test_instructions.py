"""Edits: what is named changes, the rest and the composition stay."""

from dataclasses import asdict, replace

import numpy as np

from klein_ui.postcard.captions import random_caption
from klein_ui.postcard.instructions import GROUPS, IMAGES, random_blend, random_edit
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.references import draw_edit, target_layout
from klein_ui.postcard.scenes import Scene


def test_an_edit_changes_only_what_it_names() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        scene = random_caption(rng).scene
        edit = random_edit(scene, rng)
        named = {name for name, source in edit.sources.items() if source not in IMAGES}
        changed = {n for n, v in asdict(edit.target).items() if v != getattr(scene, n)}
        assert changed == named
        assert 1 <= len(named) <= 2


def test_a_blend_takes_one_group_from_the_other_image() -> None:
    rng = np.random.default_rng(1)
    first, second = Scene(), Scene(sky="night", light="moon", terrain="sea", style="neon")
    for _ in range(100):
        edit = random_blend(first, second, rng)
        assert all(source in IMAGES for source in edit.sources.values())
        base = max(IMAGES, key=list(edit.sources.values()).count)
        taken = {name for name, source in edit.sources.items() if source != base}
        assert taken in [set(group) for group in GROUPS.values()]
        assert "image" in edit.text.lower()


def test_removal_takes_the_thing_away() -> None:
    scene = Scene(object="house")
    rng = np.random.default_rng(2)
    edits = [random_edit(scene, rng) for _ in range(300)]
    assert any(edit.target == replace(scene, object="none") for edit in edits)


def test_each_part_keeps_the_place_it_had() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        edit = draw_edit(2, rng)
        bits = [[True, True, True], [False, False, False]]
        layout = target_layout(edit, bits)
        wanted = [edit.sources[n] == IMAGES[0] for n in ("light", "object", "terrain")]
        assert layout == layout_of(wanted)
    single = draw_edit(1, rng)
    assert target_layout(single, [[True, False, True]]) == layout_of([True, False, True])
