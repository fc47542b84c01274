"""One picture, and once more a smaller one where there was no memory for it."""

import math
from dataclasses import replace

from klein_ui.contract import Frame, Lane, OutOfMemory, Render, Request
from klein_ui.models import GRID_PX, ModelRow

NOTE = "There was no memory for {} × {}; this is {} × {}."


def attempt(lane: Lane, render: Render, row: ModelRow) -> Frame:
    """The frame of `render`, or of half as many pixels where the memory is too small for it; then
    it says so in a note, and its request is the smaller one.

    Raises what `lane.render` does, `OutOfMemory` where the smaller one does not fit either. The
    lane has given back what it could by then.
    """
    frame, sentence = _made(lane, render)
    if frame is not None:
        return frame
    less = smaller(render.request, row)
    if less is None:
        raise OutOfMemory(sentence)
    frame, sentence = _made(lane, replace(render, request=less))
    if frame is None:
        raise OutOfMemory(sentence)
    wanted = render.request
    note = NOTE.format(wanted.width, wanted.height, less.width, less.height)
    return replace(frame, notes=(*frame.notes, note))


def smaller(request: Request, row: ModelRow) -> Request | None:
    """`request` with at most half of its pixels, and of those of its references; None where that
    is less than the model of `row` makes."""
    width, height = (
        math.floor(side * math.sqrt(0.5) / GRID_PX) * GRID_PX
        for side in (request.width, request.height)
    )
    if min(width, height) < row.min_side:
        return None
    return replace(request, width=width, height=height, reference_area=request.reference_area // 2)


def _made(lane: Lane, render: Render) -> tuple[Frame | None, str]:
    """The frame, or why there is no memory for it.

    The error itself stays behind: its traceback holds the very tensors that did not fit.
    """
    try:
        return lane.render(render.request, render.stage, render.hooks), ""
    except OutOfMemory as error:
        sentence = str(error)
    lane.relieve()
    return None, sentence
