"""Visitors without a browser: they open a page, type, and note when which picture came."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from klein_ui.bench.prompts import prompts

KEY_S = 0.2
"""Five keys a second."""
LETTERS = 30
OPEN_TIMEOUT_S = 60.0
PATIENCE_S = 15.0
"""A picture that did not come in this time after the last key never will."""


class Page(Protocol):
    """An open page of an app: what its scripts send and receive, as a browser would."""

    async def press(self, key: int, prompt: str) -> None:
        """The prompt is `prompt` now, by the key numbered `key`; returns once that is sent."""

    async def close(self) -> None:
        """Leave."""


Shown = Callable[[int], None]


@dataclass(slots=True)
class Diary:
    """When each key was pressed and which picture came when, in seconds of one clock.

    A picture is told by the number of the key whose prompt it shows.
    """

    keys: list[float] = field(default_factory=list)
    frames: list[tuple[int, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def shown(self, key: int) -> None:
        """The picture of the prompt of `key` came."""
        self.frames.append((key, time.perf_counter()))


class Opener(Protocol):
    """How pages of one app are opened."""

    async def __call__(self, shown: Shown) -> Page:
        """A new page, which tells `shown` of each picture. Raises what the connection raises."""


async def visit(opener: Opener, seconds: float, patience_s: float, chance: random.Random) -> Diary:
    """Type for `seconds`, one sentence after the other, then wait until the last picture is there,
    at most `patience_s`."""
    diary = Diary()
    page: Page | None = None
    try:
        page = await asyncio.wait_for(opener(diary.shown), OPEN_TIMEOUT_S)
        # Nobody types in step with others.
        await asyncio.sleep(chance.uniform(0, KEY_S))
        await _type(page, diary, seconds, chance)
        await _wait_for_last(diary, patience_s)
    except Exception as error:
        diary.errors.append(f"{type(error).__name__}: {error}")
    finally:
        if page is not None:
            await page.close()
    return diary


async def visits(opener: Opener, count: int, seconds: float, seed: int) -> list[Diary]:
    """What `count` visitors saw who typed at the same time."""
    chances = [random.Random(f"{seed}-{index}") for index in range(count)]
    return await asyncio.gather(*(visit(opener, seconds, PATIENCE_S, chance) for chance in chances))


async def _type(page: Page, diary: Diary, seconds: float, chance: random.Random) -> None:
    count = max(1, round(seconds / KEY_S))
    sentences = prompts(count // LETTERS + 1, LETTERS, chance.randrange(2**30))
    letters = [(sentence, end + 1) for sentence in sentences for end in range(LETTERS)][:count]
    began_s = time.perf_counter()
    for key, (sentence, end) in enumerate(letters):
        await asyncio.sleep(began_s + key * KEY_S - time.perf_counter())
        diary.keys.append(time.perf_counter())
        await page.press(key, sentence[:end])


async def _wait_for_last(diary: Diary, patience_s: float) -> None:
    until_s = time.perf_counter() + patience_s
    last = len(diary.keys) - 1
    while time.perf_counter() < until_s:
        if any(key >= last for key, _ in diary.frames):
            return
        await asyncio.sleep(KEY_S / 4)
