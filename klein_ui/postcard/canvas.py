"""A picture under construction: colours and ink lines, painted by signed distances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from klein_ui.postcard.palette import Colour

Field = npt.NDArray[np.float32]

INK_WIDTH = 0.007
"""Half the width of an ink line as a fraction of the shorter side."""


class Canvas:
    """RGB and ink of one picture.

    Attributes:
        rgb: float32 (height, width, 3) in 0..1.
        ink: float32 (height, width), coverage by contour lines.
        glow: float32 (height, width, 3), light that the neon style adds.
        x, y: pixel centres in units of the shorter side, from the top left corner.
        wide, tall: the extent of the picture in the same unit.
        pixel: the size of a pixel in the same unit.
        contours: whether shapes leave ink and glow (only some styles need them).
    """

    def __init__(self, width: int, height: int, contours: bool = True) -> None:
        self.contours = contours
        shorter = min(width, height)
        self.pixel = 1.0 / shorter
        self.wide, self.tall = width / shorter, height / shorter
        x = (np.arange(width, dtype=np.float32) + 0.5) / shorter
        y = (np.arange(height, dtype=np.float32) + 0.5) / shorter
        self.x: Field = np.asarray(x[None, :], np.float32)
        self.y: Field = np.asarray(y[:, None], np.float32)
        self.rgb: Field = np.zeros((height, width, 3), np.float32)
        self.ink: Field = np.zeros((height, width), np.float32)
        self.glow: Field = np.zeros((height, width, 3), np.float32)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A position given in fractions of the picture, in units of the shorter side."""
        return x * self.wide, y * self.tall

    def coverage(self, distance: Field, soft: float = 0.0) -> Field:
        """Antialiased inside of a signed distance (negative inside), blurred by ``soft``."""
        span = max(self.pixel * 1.5, soft)
        return np.asarray(np.clip(0.5 - distance / span, 0.0, 1.0), np.float32)

    def fill(self, distance: Field, colour: Colour | Field, line: bool = True) -> None:
        """Paint a shape over what is there, with a contour line in ink."""
        alpha = self.coverage(distance)
        self.blend(alpha, colour)
        if not self.contours:
            return
        self.ink *= 1.0 - alpha
        self.glow *= 1.0 - alpha[..., None]
        if line:
            self.stroke(distance, colour)

    def stroke(self, distance: Field, colour: Colour | Field) -> None:
        """Add the contour of a shape to the ink and to the neon light."""
        if not self.contours:
            return
        edge = self.coverage(np.asarray(np.abs(distance) - INK_WIDTH, np.float32))
        self.ink = np.maximum(self.ink, edge)
        halo = np.maximum(edge, 0.55 * np.exp(-np.abs(distance) / 0.018))
        self.glow = np.maximum(self.glow, halo[..., None] * np.asarray(colour, np.float32))

    def blend(self, alpha: Field, colour: Colour | Field) -> None:
        """Mix a colour in by a coverage of shape (height, width)."""
        weight = np.broadcast_to(alpha, self.ink.shape)[..., None]
        self.rgb += weight * (np.asarray(colour, np.float32) - self.rgb)


def disc(canvas: Canvas, centre: tuple[float, float], radius: float) -> Field:
    """Signed distance of a disc."""
    return np.asarray(np.hypot(canvas.x - centre[0], canvas.y - centre[1]) - radius, np.float32)


def box(
    canvas: Canvas, centre: tuple[float, float], half: tuple[float, float], corner: float = 0.0
) -> Field:
    """Signed distance of an upright rectangle with rounded corners."""
    dx = np.abs(canvas.x - centre[0]) - (half[0] - corner)
    dy = np.abs(canvas.y - centre[1]) - (half[1] - corner)
    outside = np.hypot(np.maximum(dx, 0.0), np.maximum(dy, 0.0))
    inside = np.minimum(np.maximum(dx, dy), 0.0)
    return np.asarray(outside + inside - corner, np.float32)


def polygon(canvas: Canvas, corners: list[tuple[float, float]]) -> Field:
    """Signed distance (to the edge lines) of a convex polygon, corners clockwise on screen."""
    distance = np.full(canvas.ink.shape, -1e3, np.float32)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        nx, ny = (by - ay) / length, -(bx - ax) / length
        distance = np.maximum(distance, (canvas.x - ax) * nx + (canvas.y - ay) * ny)
    return np.asarray(distance, np.float32)
