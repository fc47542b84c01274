"""The choices in the settings follow the limits of the model."""

import pytest

from klein_ui.models import GRID_PX, ROWS, ModelRow
from klein_ui.ui import sizes


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_choice_is_within_the_limits_and_the_default_among_them(row: ModelRow) -> None:
    for choices, default in (
        (sizes.picture_sides(row), row.default_side),
        (sizes.draft_sides(row), row.draft_side),
    ):
        assert default in choices
        assert list(choices) == sorted(set(choices))
        assert len(choices) <= sizes.MOST_CHOICES
        assert all(row.min_side <= side <= row.max_side for side in choices)
        assert all(side % GRID_PX == 0 for side in choices)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_draft_is_at_most_the_default_picture(row: ModelRow) -> None:
    assert max(sizes.draft_sides(row)) <= row.default_side
