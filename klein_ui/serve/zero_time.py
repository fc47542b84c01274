"""For how long to ask ZeroGPU for a GPU: honestly, since that decides on quota and on the queue.

Who asks for more seconds than are left of a quota gets none of them, and who asks for fewer comes
earlier. A call that takes longer than it asked for may be cut off.
"""

import math
from threading import Lock

from klein_ui.contract import Frame, Request

STEP_MPX_S = 0.4
"""One step of one megapixel, references included, with weights of `OF_BYTES`: klein 4B was
published at 0.19 s for 512 px and 0.57 s for 1024 px, 4 steps each, on an H100, which is 0.18 s and
0.14 s; ZeroGPU lends half of such a GPU."""
OF_BYTES = 16e9
BESIDE_S = 0.5
"""What a picture takes beside its steps: text, images, decoder. Chosen, not measured."""

START_S = 2.0
START_BYTES_S = 4e9
"""A new process begins CUDA and then moves the weights there at about so many bytes a second, both
chosen, not measured; a longer start that was measured counts instead."""

MARGIN = 1.5
"""For a GPU that others keep busy, and for the way there and back."""
LEAST_S = 2
WEIGHT = 0.3


class Durations:
    """Learns from what calls took how much slower or quicker than reckoned this place is. Safe to
    use from several threads."""

    def __init__(self, weights_bytes: int) -> None:
        self._step_mpx_s = STEP_MPX_S * weights_bytes / OF_BYTES
        self._reckoned_start_s = self._start_s = START_S + weights_bytes / START_BYTES_S
        self._slowness = 1.0
        self._lock = Lock()

    def seconds(self, request: Request) -> int:
        """Whole seconds to ask for: `spaces` drops what is behind the point. A new process is
        reckoned with, as nobody knows before whether the last one is still there."""
        with self._lock:
            render_s = self._slowness * self._reckoned_s(request)
            return max(LEAST_S, math.ceil(self._start_s + MARGIN * render_s))

    def rendered(self, frame: Frame) -> None:
        """Learn from `frame`: from a slower one at once, from a quicker one by and by."""
        if frame.timings.cached:
            return
        with self._lock:
            slowness = frame.timings.render_s / self._reckoned_s(frame.request)
            mean = self._slowness + WEIGHT * (slowness - self._slowness)
            self._slowness = max(slowness, mean)

    def started(self, start_s: float) -> None:
        """A process took so long from its order to its first step: a longer start counts at once,
        a quicker one by and by, and never for less than reckoned."""
        with self._lock:
            mean = self._start_s + WEIGHT * (start_s - self._start_s)
            self._start_s = max(self._reckoned_start_s, start_s, mean)

    def _reckoned_s(self, request: Request) -> float:
        return BESIDE_S + self._step_mpx_s * request.steps * request.seen_pixels / 1e6
