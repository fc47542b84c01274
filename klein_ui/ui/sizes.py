"""The choices the settings offer, made from the limits of a model."""

from klein_ui.models import ModelRow

DEFAULT_SEED = 0
DEFAULT_ASPECT = "1:1"
AS_IMAGE = "As image 1"
ASPECTS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "2:1")
"""Width to height."""

SIDES = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 2048)
MOST_CHOICES = 5


def picture_sides(row: ModelRow) -> tuple[int, ...]:
    """Longer sides to choose from: the default, and those around it that the limits allow."""
    fitting = {side for side in SIDES if row.min_side <= side <= row.max_side}
    return _around(row.default_side, {*fitting, row.default_side})


def draft_sides(row: ModelRow) -> tuple[int, ...]:
    """Longer sides for pictures while typing: at most the default picture's."""
    fitting = {side for side in SIDES if row.min_side <= side <= row.default_side}
    return _around(row.draft_side, {*fitting, row.draft_side})


def _around(default: int, sides: set[int]) -> tuple[int, ...]:
    nearest = sorted(sides, key=lambda side: max(side, default) / min(side, default))
    return tuple(sorted(nearest[:MOST_CHOICES]))
