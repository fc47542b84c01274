"""In whose name a picture is made: the context in which each session asked last.

Where every visitor has a quota of their own, the render has to run in it, though another thread
does it later.
"""

from collections.abc import Callable
from contextvars import Context, copy_context
from threading import Lock


class Visitors:
    """The newest context of each session. Safe to use from several threads."""

    def __init__(self) -> None:
        self._contexts: dict[str, Context] = {}
        self._lock = Lock()
        self._unwanted: Callable[[str], object] = lambda session: None

    def tell(self, unwanted: Callable[[str], object]) -> None:
        """Have `unwanted` called with each session that wants no picture any more."""
        self._unwanted = unwanted

    def heard(self, session: str) -> None:
        """Keep the context of the caller as that of `session`."""
        context = copy_context()
        with self._lock:
            self._contexts[session] = context

    def left(self, session: str) -> None:
        """Forget `session`, where it is known."""
        with self._lock:
            self._contexts.pop(session, None)
        self._unwanted(session)

    def cleared(self, session: str) -> None:
        """`session` wants no picture for now; what it asks next is asked anew."""
        self._unwanted(session)

    def of(self, session: str) -> Context:
        """A context to run in as `session`; an empty one where nobody is known by that name."""
        with self._lock:
            known = self._contexts.get(session)
        # One context cannot be entered twice at a time.
        return Context() if known is None else known.copy()
