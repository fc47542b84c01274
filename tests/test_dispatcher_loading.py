"""Loading the engine: what is told meanwhile, what is kept, and how it ends."""

import threading
from collections.abc import Callable

from klein_ui.contract import EngineFailed, PlaceLost, Progress, Request
from klein_ui.dispatcher import Dispatcher, Failed
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings

from .stepping import LONG_S, Ears, asked


def test_stopping_ends_a_loading_at_its_next_report() -> None:
    begun, ended = threading.Event(), threading.Event()

    def load(report: Callable[[Progress], None]) -> FakeEngine:
        begun.set()
        try:
            while True:
                report(Progress("downloading", "Downloading…"))
        finally:
            ended.set()

    dispatcher = Dispatcher(Source(POSTCARD, load), PacingSettings())
    dispatcher.start()
    assert begun.wait(LONG_S)
    assert dispatcher.stop()
    assert ended.is_set()


def test_what_was_typed_while_loading_is_rendered_after_it() -> None:
    go = threading.Event()

    def load(report: Callable[[Progress], None]) -> FakeEngine:
        report(Progress("downloading", "Downloading…", 0.5))
        go.wait(LONG_S)
        return FakeEngine(render_s=0.0)

    source = Source(POSTCARD, load, (asked("").request,))
    dispatcher, ears = Dispatcher(source, PacingSettings()), Ears()
    dispatcher.open("a", ears)
    dispatcher.start()
    assert ears.phase("downloading").fraction == 0.5
    dispatcher.submit("a", asked("early"), seq=3)
    go.set()
    ears.phase("warming")
    assert ears.shown().seq == 3
    dispatcher.stop()


def test_a_failed_load_is_told_at_every_key_and_tried_again_after_a_while() -> None:
    now = [100.0]
    engines = [None, FakeEngine(render_s=0.0)]

    def load(report: Callable[[Progress], None]) -> FakeEngine:
        engine = engines.pop(0)
        if engine is None:
            raise EngineFailed("The hub cannot be reached; connect and type again.")
        return engine

    source = Source(POSTCARD, load)
    dispatcher, ears = Dispatcher(source, PacingSettings(), lambda: now[0]), Ears()
    dispatcher.open("a", ears)
    dispatcher.start()
    assert "connect and type again" in ears.phase("failed").sentence
    dispatcher.submit("a", asked("x"), seq=0)
    assert ears.failed() == Failed(0, "The hub cannot be reached; connect and type again.")
    dispatcher.submit("a", asked("xx"), seq=1)
    assert ears.failed().seq == 1
    assert dispatcher.stats().loads == 1
    now[0] += 11.0
    dispatcher.submit("a", asked("xy"), seq=2)
    assert ears.shown().seq == 2
    assert dispatcher.stats().loads == 2
    dispatcher.stop()


class Going(FakeEngine):
    """Its place goes while it is warmed up."""

    def warm_up(self, request: Request) -> None:
        raise PlaceLost(begun=False)


def test_a_place_that_goes_while_it_is_warmed_up_is_no_failure() -> None:
    gone, engine = Going(render_s=0.0), FakeEngine(render_s=0.0)
    engines = [gone, engine]
    source = Source(POSTCARD, lambda report: engines.pop(0), (asked("").request,))
    dispatcher, ears = Dispatcher(source, PacingSettings()), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("x"), seq=0)
    dispatcher.start()
    assert ears.phase("reconnecting")
    assert ears.shown().seq == 0
    assert gone.closed
    assert dispatcher.stop()
