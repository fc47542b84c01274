"""What a crowd of visitors saw: useful pictures, how long a key took, and who got how much."""

from collections.abc import Sequence
from dataclasses import dataclass

from klein_ui.bench.samples import median, p95
from klein_ui.bench.visitors import Diary

FRESH_S = 2.0
"""A picture of words that were typed longer ago is of no use to whoever is typing on."""


@dataclass(frozen=True, slots=True)
class CrowdRow:
    """`sessions` visitors of one app with one engine.

    `useful_per_s` counts pictures, of all sessions, that are newer than the one on the screen and
    of words typed at most two seconds before; `useful_part` is how many of all pictures that are.
    Key times, in milliseconds, go from a key to the first picture of it or of a newer one;
    `unanswered` keys never had one. `fairness` is the mean of the sessions' useful pictures by the
    fewest that one had; None where one had none.
    """

    engine: str
    app: str
    sessions: int
    seconds: float
    keys: int
    useful_per_s: float
    useful_part: float
    key_median_ms: float | None
    key_p95_ms: float | None
    unanswered: int
    stale: int
    fairness: float | None
    errors: int


def row(engine: str, app: str, seconds: float, diaries: Sequence[Diary]) -> CrowdRow:
    """Sum up what the visitors of one app wrote down."""
    useful = [_useful(diary) for diary in diaries]
    answers = [answer for diary in diaries for answer in _answers(diary)]
    waits_ms = [answer * 1000 for answer in answers if answer is not None]
    frames = sum(len(diary.frames) for diary in diaries)
    return CrowdRow(
        engine,
        app,
        len(diaries),
        seconds,
        keys=len(answers),
        useful_per_s=sum(useful) / seconds,
        useful_part=sum(useful) / frames if frames else 0.0,
        key_median_ms=median(waits_ms),
        key_p95_ms=p95(waits_ms),
        unanswered=answers.count(None),
        stale=sum(map(_stale, diaries)),
        fairness=_fairness(useful),
        errors=sum(len(diary.errors) for diary in diaries),
    )


def _fairness(useful: Sequence[int]) -> float | None:
    least = min(useful, default=0)
    return sum(useful) / len(useful) / least if least else None


def _useful(diary: Diary) -> int:
    count, on_screen = 0, -1
    for key, at_s in diary.frames:
        count += key > on_screen and at_s - diary.keys[key] <= FRESH_S
        on_screen = max(on_screen, key)
    return count


def _stale(diary: Diary) -> int:
    """Pictures of words older than those on the screen."""
    count, on_screen = 0, -1
    for key, _ in diary.frames:
        count += key < on_screen
        on_screen = max(on_screen, key)
    return count


def _answers(diary: Diary) -> list[float | None]:
    """For each key the seconds until its picture, or a newer one, was there."""
    found: list[float | None] = []
    frames = iter(diary.frames)
    newest = next(frames, None)
    for key, pressed_s in enumerate(diary.keys):
        while newest is not None and newest[0] < key:
            newest = next(frames, None)
        found.append(None if newest is None else newest[1] - pressed_s)
    return found
