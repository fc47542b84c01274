"""An engine that makes one picture, or one batch, at a time: its only lane is itself."""

from typing import Self


class Alone:
    """See `contract.Engine`."""

    __slots__ = ()

    @property
    def place(self) -> str:
        """Where everything else is as well."""
        return ""

    @property
    def lanes(self) -> tuple[Self]:
        """Itself."""
        return (self,)
