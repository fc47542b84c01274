"""How a picture came to be: the typed states that led to it, along its own branch."""

from collections.abc import Callable

from klein_ui.contract import InvalidPicture
from klein_ui.states import State

MOST = 1000
"""States of one branch, the newest count."""

ELSEWHERE = "The first moment of the clip did not lead to the last one; choose them anew."


def branch(
    find: Callable[[str], State], last: str, first: str = "", session: str = ""
) -> tuple[State, ...]:
    """The states from `first` to `last`, each the parent of the next.

    `find` gives the state of an id, and raises `InvalidPicture` where it is gone. Without `first`
    from where the branch begins, in `session` alone where one is named. Raises
    `InvalidPicture` where `last` is gone or `first` did not lead to it.
    """
    found = [find(last)]
    while found[-1].id != first and found[-1].parent and len(found) < MOST:
        try:
            parent = find(found[-1].parent)
        except InvalidPicture:
            # Older states may be gone; those after them are still a branch.
            break
        if not first and session and parent.session != session:
            break
        found.append(parent)
    if first and found[-1].id != first:
        raise InvalidPicture(ELSEWHERE)
    return tuple(reversed(found))
