"""How many files, connections among them, this process may have open at once."""

import contextlib
import sys

MOST = 65_536
"""More than any one app of this kind has a use for."""

MOST_OF_MACOS = 10_240
"""Darwin calls its hard limit infinite and takes no more than this."""


def raised() -> int:
    """Raise the soft limit of this process to the hard one; how many may be open from now on.

    Shells start programs with 1,024 or 256, for the sake of old ones that cannot count further.
    """
    # Windows counts connections by its memory alone.
    if sys.platform == "win32":
        return MOST
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (
        MOST if limit == resource.RLIM_INFINITY else min(limit, MOST) for limit in (soft, hard)
    )
    for wanted in (hard, MOST_OF_MACOS):
        if soft < wanted <= hard:
            with contextlib.suppress(OSError, ValueError):
                _, kept = resource.getrlimit(resource.RLIMIT_NOFILE)
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, kept))
                return wanted
    return soft
