"""When the app may begin anew by itself: not so often that it would do nothing else."""

MOST, WITHIN_S = 3, 600.0


def parsed(text: str) -> tuple[float, ...]:
    """When it did, in seconds since the epoch, as `written` wrote it; what is no number is not
    counted."""
    return tuple(float(word) for word in text.split() if word.replace(".", "", 1).isdecimal())


def written(times: tuple[float, ...]) -> str:
    """`times` as text for the next process."""
    return " ".join(f"{time:.3f}" for time in times)


def after(times: tuple[float, ...], now: float) -> tuple[float, ...] | None:
    """`times` with one more restart at `now`; None where that would be more than `MOST` within
    `WITHIN_S`."""
    recent = tuple(time for time in times if 0 <= now - time < WITHIN_S)
    return (*recent, now) if len(recent) < MOST else None
