"""One app with one engine in front of one browser: typed at, and measured."""

import random
import time
from typing import Final

from playwright.sync_api import Browser

from klein_ui.bench import bursts, isolated
from klein_ui.bench.apps import AppError, RunningApp, running
from klein_ui.bench.browser import Typist, opened
from klein_ui.bench.engines import EngineSpec
from klein_ui.bench.plan import Plan
from klein_ui.bench.prompts import prompts

WARM_UP: Final = "warm up"
FIRST_TRIES = 10
FAKE_PICTURE_S, REAL_PICTURE_S = 8.0, 20.0
"""A picture that did not come in this time after the last key never will."""

KEY_GAP_S = 0.7
QUIET_S = 0.4
"""Rest after a picture, until the next single key."""

RENDERS_OF_QUIET = 5
"""Rest in key-to-picture times where a settled picture may follow the draft."""

AFTER_BURST_S = 1.0
BURST_GAP_S = (0.06, 0.1)
BURST_LETTERS = 30


def measure(
    browser: Browser, app: str, spec: EngineSpec, plan: Plan
) -> tuple[isolated.IsolatedRow, bursts.BurstRow]:
    """Start `app`, type as `plan` says, and sum up. Raises `AppError`."""
    with running(app, spec) as server, opened(browser, server.url) as typist:
        chance = random.Random(plan.seed)
        patience_s = FAKE_PICTURE_S if spec.fake else REAL_PICTURE_S
        _warm_up(server, typist, patience_s)
        (sentence,) = prompts(1, plan.keys, plan.seed)
        _single_keys(typist, spec, sentence, chance, patience_s)
        single = isolated.row(spec.name, app, typist.take(), server.take())
        sentences = prompts(plan.runs, BURST_LETTERS, plan.seed + 1)
        typed = [_burst(server, typist, each, chance, patience_s) for each in sentences]
        return single, bursts.row(spec.name, app, typed)


def _warm_up(server: RunningApp, typist: Typist, patience_s: float) -> None:
    """Type until the page and server have done everything once; not measured."""
    _first_picture(typist, WARM_UP[0], patience_s)
    for end in range(2, len(WARM_UP) + 1):
        typist.press(WARM_UP[end - 1])
        typist.shows(WARM_UP[:end], patience_s)
    time.sleep(AFTER_BURST_S)
    typist.take()
    server.take()


def _first_picture(typist: Typist, letter: str, patience_s: float) -> None:
    """Nothing tells when Gradio has begun to listen, so type until it answers."""
    for _ in range(FIRST_TRIES):
        typist.begin_anew()
        typist.press(letter)
        if typist.shows(letter, patience_s):
            return
    raise AppError("its first picture did not come")


def _single_keys(
    typist: Typist, spec: EngineSpec, sentence: str, chance: random.Random, patience_s: float
) -> None:
    typist.begin_anew()
    for end in range(1, len(sentence) + 1):
        # A browser draws at fixed moments; keys must not fall into step with them.
        due_s = time.perf_counter() + KEY_GAP_S + chance.uniform(0, 0.1)
        began_s = time.perf_counter()
        typist.press(sentence[end - 1])
        typist.shows(sentence[:end], patience_s)
        took_s = time.perf_counter() - began_s
        rest_s = QUIET_S + (0.0 if spec.fake else RENDERS_OF_QUIET * took_s)
        time.sleep(max(rest_s, due_s - time.perf_counter()))


def _burst(
    server: RunningApp, typist: Typist, sentence: str, chance: random.Random, patience_s: float
) -> bursts.Burst:
    typist.begin_anew()
    typist.type(sentence, BURST_GAP_S, chance)
    typist.shows(sentence, patience_s)
    # An older picture may still come and take the place of the newest.
    time.sleep(AFTER_BURST_S)
    return bursts.burst(typist.take(), server.take())
