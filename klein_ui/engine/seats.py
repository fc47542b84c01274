"""Who of a batch is still in it."""

from collections.abc import Sequence

from klein_ui.contract import Hooks


class Seats:
    """The places, from 0, of the pictures of a batch that go on; each leaves by its own hooks."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = hooks
        self.taken: tuple[int, ...] = tuple(range(len(hooks)))

    def superseded(self, steps_done: int) -> bool:
        """Ask each that is left; whether nobody is any more."""
        self.taken = tuple(
            place for place in self.taken if not self._hooks[place].superseded(steps_done)
        )
        return not self.taken

    def previewing(self) -> tuple[int, ...]:
        """The places of those left that show their first step."""
        return tuple(place for place in self.taken if self._hooks[place].preview is not None)
