"""The loop from noise to clean latents for several pictures at once.

Each picture comes out as it would alone: text and attention are its own, and the timestep is given
once for all, so that what is made of it is computed by the same arithmetic. What is left are the
products with the weights, over the rows of all pictures: each row is summed by itself, but a
library may sum in another order for more rows. On one thread of a CPU it does not; elsewhere the
last bit may differ, so that a frame records the batch it came from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from klein_ui.contract import Hooks, Superseded
from klein_ui.engine.checkpoints import Checkpoints
from klein_ui.engine.denoise import euler
from klein_ui.engine.seats import Seats
from klein_ui.engine.velocity import GuidedVelocity, PlainVelocity, Velocity

FirstStep = Callable[[int, Tensor, Tensor], None]
"""Is told a place, the latents before the first step and their velocity."""


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """Clean latents, each (1, tokens, channels), by the place of those that nobody superseded.

    `sizes` are how many pictures each step was of.
    """

    latents: dict[int, Tensor]
    sizes: tuple[int, ...]

    @property
    def path(self) -> str:
        """The execution path in words, as a frame records it."""
        told = self.sizes[:1] if len(set(self.sizes)) == 1 else self.sizes
        return f"batch of {', '.join(map(str, told))}"


def denoise_together(
    noises: Sequence[Tensor],
    sigmas: Tensor,
    velocities: Sequence[Velocity],
    hooks: Sequence[Hooks],
    after_first: FirstStep,
) -> Denoised:
    """Clean latents from `noises`, each (1, tokens, channels), along `sigmas`, (steps + 1,).

    The pictures share size, steps, guidance and length of text. One whose hooks say so before the
    first step or after any leaves, and the next step is made without it.
    """
    seats = Seats(hooks)
    checkpoints = Checkpoints.on(noises[0].device, Hooks(seats.superseded))
    places, sizes = seats.taken, list[int]()
    latents, velocity = torch.cat(list(noises)), joined(velocities)
    try:
        checkpoints.ask(0)
        for step in range(len(sigmas) - 1):
            if places != seats.taken:
                latents = torch.cat([latents[row : row + 1] for row in _rows(places, seats)])
                places = seats.taken
                velocity = joined([velocities[place] for place in places])
            direction = velocity(latents, step)
            moved = euler(latents, direction, sigmas, step)
            sizes.append(len(places))
            checkpoints.given(step + 1)
            if step == 0 and seats.previewing():
                checkpoints.all_done()
                for place in seats.previewing():
                    row = places.index(place)
                    after_first(place, latents[row : row + 1], direction[row : row + 1])
            latents = moved
        checkpoints.all_done()
    except Superseded:
        return Denoised({}, tuple(sizes))
    rows = _rows(places, seats)
    found = {places[row]: latents[row : row + 1] for row in rows}
    return Denoised(found, tuple(sizes))


def joined(velocities: Sequence[Velocity]) -> Velocity:
    """The velocity of several pictures, latents (n, tokens, channels), from those of each.

    They look at no images. Raises `TypeError` for one that does.
    """
    first = velocities[0]
    if isinstance(first, GuidedVelocity):
        guided = [one for one in velocities if isinstance(one, GuidedVelocity)]
        prompted = joined([one.prompted for one in guided])
        unprompted = joined([one.unprompted for one in guided])
        return GuidedVelocity(prompted, unprompted, first.guidance_scale)
    plain = [one.forward for one in velocities if isinstance(one, PlainVelocity)]
    if len(plain) != len(velocities):
        raise TypeError("only pictures without images are made together")
    embeds = torch.cat([forward.prompt.embeds for forward in plain])
    prompt = replace(plain[0].prompt, embeds=embeds)
    return PlainVelocity(replace(plain[0], prompt=prompt))


def _rows(places: Sequence[int], seats: Seats) -> list[int]:
    """The rows, of latents of those at `places`, of those who are left."""
    return [row for row, place in enumerate(places) if place in seats.taken]
