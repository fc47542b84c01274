"""Whatever happens in whatever order: no stale picture, nobody starves, no mailbox over one.

The dispatcher is driven turn by turn on one thread and an invented clock, and what else happens
does so between two steps of a render as well: the turns of other lanes among it. Where it goes
wrong, Hypothesis finds the shortest way there.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from klein_ui import validate
from klein_ui.contract import (
    DeviceLost,
    Engine,
    EngineFailed,
    Frame,
    Hooks,
    Lane,
    OutOfMemory,
    PlaceLost,
    Request,
    Stage,
)
from klein_ui.dispatcher import LOOK_S, Dispatcher, Event, Failed, Shown
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Report, Source
from klein_ui.models import POSTCARD, ModelRow
from klein_ui.pacing import PacingSettings

OTHER = replace(POSTCARD, name="other", title="Other")
ROWS = (POSTCARD, OTHER)
SESSIONS = "abcd"
RANK = {Stage.PREVIEW: 0, Stage.DRAFT: 1, Stage.FINAL: 2}
FAULTS: dict[str, Callable[[], BaseException]] = {
    "memory": lambda: OutOfMemory("The scripted engine has too little memory."),
    "sentence": lambda: EngineFailed("The scripted engine failed."),
    "unforeseen": lambda: ValueError("nobody thought of it"),
    "death": lambda: SystemExit(),
    "lost": lambda: DeviceLost("The scripted device is gone."),
    "place": lambda: PlaceLost(),
}
MOST_TURNS = 400
MOST_OTHERS = 2 * len(SESSIONS)
"""Renders of others that begin before somebody who waits is next."""

Op = tuple[str, str]


@dataclass
class Page:
    """What one session typed and saw; what must not be is told to `wrong`, since whatever a
    listener raises stops nobody."""

    name: str
    wrong: list[str]
    newest: int = -1
    wants: bool = False
    prompts: dict[int, str] = field(default_factory=dict)
    last: tuple[int, int] = (-1, -1)
    answered: int = -1
    others: int = 0
    is_open: bool = True
    rushes: bool = False
    rendering: int = 0

    def hear(self, event: Event) -> None:
        self.check(self.is_open, "a closed session was told something")
        match event:
            case Failed(seq=seq):
                self.answered = max(self.answered, seq)
            case Shown(seq=seq, frame=frame):
                self.check(self.wants, "a picture came for an emptied prompt")
                self.check(frame.request.prompt == self.prompts.get(seq), "a picture of another")
                now = (seq, RANK[frame.stage])
                self.check(now > self.last, f"{now} came after {self.last}")
                self.last = now
                if frame.stage is Stage.FINAL:
                    self.answered = max(self.answered, seq)

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(f"{self.name}: {what}")

    @property
    def is_settled(self) -> bool:
        return not self.wants or self.answered == self.newest


class World:
    """A dispatcher, those who use it, and what goes wrong; `ops` happen in their order."""

    def __init__(self, ops: list[Op], *, together: bool, lanes: int) -> None:
        self.ops = deque(ops)
        self.lanes = lanes
        self.engine: Scripted | None = None
        self.busy: set[int] = set()
        self.now = 100.0
        self.armed: list[str] = []
        self.wrong: list[str] = []
        self.fails_to_load = False
        self.pages: dict[str, Page] = {}
        self.together = together
        self.is_lost = False
        self.dispatcher = Dispatcher(
            self.source(POSTCARD), PacingSettings(), lambda: self.now, self.lose
        )

    def source(self, row: ModelRow) -> Source:
        def load(report: Report) -> Engine:
            self.sleep(0.1)
            if self.fails_to_load:
                self.fails_to_load = False
                raise EngineFailed("The hub cannot be reached.")
            self.engine = Scripted(self)
            self.engine.all += [Scripted(self) for _ in range(self.lanes - 1)]
            for number, lane in enumerate(self.engine.all):
                lane.place = str(number) if self.lanes > 1 else ""
            return self.engine

        return Source(row, load, (validate.asked({}, row).request,))

    def lose(self) -> None:
        self.is_lost = True

    def sleep(self, seconds: float) -> None:
        """Time passes within the engine, and the next thing happens meanwhile."""
        self.now += seconds
        for page in self.pages.values():
            if page.rushes:
                self.type(page)
        if self.ops and self.ops[0][0] != "turn":
            self.happen(*self.ops.popleft())

    def happen(self, what: str, which: str) -> None:
        page = self.pages.get(which)
        match what:
            case "turn":
                for _ in range(int(which)):
                    # Time passes within it, too.
                    rest_s = self.turn() or 0.0
                    self.now += rest_s
            case "lane":
                self.turn(int(which))
            case "place" if self.engine is not None:
                lane = self.engine.all[int(which) % self.lanes]
                if self.lanes > 1:
                    lane.place = None if lane.place else which
            case "wait":
                self.now += float(which)
            case "fault":
                self.armed.append(which)
            case "load fails":
                self.fails_to_load = True
            case "switch":
                self.dispatcher.switch(self.source(ROWS[int(which)]))
            case "open" if page is None:
                opened = self.pages[which] = Page(which, self.wrong)
                self.dispatcher.open(which, opened.hear)
            case "type" if page is not None:
                self.type(page)
            case "rush" if page is not None:
                page.rushes = not page.rushes
            case "empty" if page is not None:
                page.wants = False
                self.dispatcher.clear(which)
            case "close" if page is not None:
                self.dispatcher.close(which)
                page.is_open = False
                del self.pages[which]

    def type(self, page: Page) -> None:
        page.newest += 1
        page.wants = True
        prompt = page.prompts[page.newest] = f"{page.name} {page.newest}"
        fields = {"prompt": prompt, "width": 256, "height": 256, "draft": 128}
        asked = validate.asked(fields, self.dispatcher.row)
        self.dispatcher.submit(page.name, asked, page.newest)

    def turn(self, number: int = 0) -> float | None:
        """One turn of a lane's thread, or of the one after it; none of one in mid-turn."""
        if number in self.busy or number >= len(self.dispatcher.hands):
            return None
        self.busy.add(number)
        try:
            return self.dispatcher.turn(number)
        except SystemExit:
            self.dispatcher.recover(number)
            return 0.0
        finally:
            self.busy.discard(number)

    def begun(self, request: Request) -> Page:
        """The engine begins with `request`: it must be the newest word of its page."""
        name, seq = request.prompt.split()
        page = self.pages[name]
        page.check(page.wants, "an emptied prompt is rendered")
        page.check(int(seq) == page.newest, "more than the newest was kept")
        page.others = 0
        page.rendering += 1
        page.check(page.rendering == 1, "two lanes render for one page")
        for other in self.pages.values():
            waits = other is not page and other.wants and other.last[0] < other.newest
            waits = waits and not other.rendering
            other.others = other.others + 1 if waits and not other.is_settled else 0
            other.check(other.others <= MOST_OTHERS, f"{other.others} others came before")
        return page

    def run(self) -> None:
        """Let all of it happen, then let everybody wait: all get an answer to their last word."""
        for name in SESSIONS:
            self.happen("open", name)
        while self.ops:
            self.happen(*self.ops.popleft())
        self.armed.clear()
        for page in self.pages.values():
            page.rushes = False
        for _ in range(MOST_TURNS):
            rests = [self.turn(number) for number in range(self.lanes)]
            rest_s = min((one for one in rests if one is not None), default=None)
            # An engine of several lanes is looked at for ever.
            if rest_s is None or (rest_s == LOOK_S and not self.dispatcher.stats().waiting):
                break
            self.now += rest_s
        else:
            raise AssertionError("it never comes to rest")
        if not self.is_lost:
            for page in self.pages.values():
                page.check(page.is_settled, "no answer to the last word")
        assert not self.wrong


class Scripted(FakeEngine):
    """Fails as the world says."""

    def __init__(self, world: World) -> None:
        together_s = (lambda count: 0.03 * count) if world.together else None
        super().__init__(render_s=0.04, sleep=world.sleep, together_s=together_s)
        self.world = world
        self.all: list[FakeEngine] = [self]

    @property
    def lanes(self) -> Sequence[Lane]:
        return self.all

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        page = self.world.begun(request)
        try:
            if self.world.armed:
                raise FAULTS[self.world.armed.pop(0)]()
            return super().render(request, stage, hooks)
        finally:
            page.rendering -= 1


def ops() -> st.SearchStrategy[list[Op]]:
    often = st.sampled_from([("turn", "1"), ("turn", "3"), ("turn", "12")])
    typing = st.tuples(st.sampled_from(["type", "type", "rush"]), st.sampled_from(SESSIONS))
    rare = st.one_of(
        st.tuples(st.sampled_from(["empty", "open"]), st.sampled_from(SESSIONS)),
        st.tuples(st.just("close"), st.sampled_from(SESSIONS)),
        st.tuples(st.just("wait"), st.sampled_from(["0.02", "0.2", "0.7", "3", "12"])),
        st.tuples(st.just("fault"), st.sampled_from(list(FAULTS))),
        st.tuples(st.just("place"), st.sampled_from("012")),
        st.sampled_from([("load fails", ""), ("switch", "0"), ("switch", "1")]),
    )
    lane = st.tuples(st.just("lane"), st.sampled_from("012"))
    return st.lists(st.one_of(often, typing, typing, lane, rare), min_size=12, max_size=80)


def walk(happens: list[Op], together: bool, lanes: int) -> None:
    World(happens, together=together, lanes=lanes).run()


LANES = st.sampled_from([1, 2, 3])
STUCK: list[Op] = [
    *[("turn", "1")] * 7,
    *[("type", "a"), ("rush", "a"), ("rush", "b"), ("turn", "12"), ("lane", "1")],
]
"""Two who rush, one of them at home in a lane that stands still."""


@example(STUCK, False, 2)
@given(ops(), st.booleans(), LANES)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_any_order_nothing_is_stale_nobody_starves_and_a_mailbox_holds_one(
    happens: list[Op], together: bool, lanes: int
) -> None:
    walk(happens, together, lanes)


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(ops(), st.booleans(), LANES)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_ten_thousand_times(happens: list[Op], together: bool, lanes: int) -> None:
    walk(happens, together, lanes)
