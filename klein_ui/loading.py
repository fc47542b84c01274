"""Which model is there: loaded, warmed up, exchanged for another, and back when that fails."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from klein_ui.contract import (
    DeviceLost,
    Engine,
    KleinError,
    PlaceLost,
    Progress,
    Request,
    sentence_of,
)
from klein_ui.events import Switched as Switched
from klein_ui.models import ModelRow
from klein_ui.pacing import Costs

log = logging.getLogger(__name__)

RETRY_S = 10.0
AGAIN_S = 0.5
"""Between two loads where a place went away under the first."""
AGAIN = Progress("reconnecting", "The place that draws went away; another one is looked for…")
READY = Progress("ready", "Ready.", 1.0)

Report = Callable[[Progress], None]
Load = Callable[[Report], Engine]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be had: its row, how to load it, and what to render once it is there."""

    row: ModelRow
    load: Load
    warm_up: tuple[Request, ...] = ()


class Ended(Exception):
    """Ends a loading in progress, from within its report of progress."""


class Loading:
    """Holds at most one engine, that of the `row` at hand.

    `want` and `stop` may be called from any thread, `bring` and `close` only on the one that
    renders. `report` is told how far a loading is.
    """

    def __init__(self, first: Source, report: Report, clock: Clock) -> None:
        self._source = first
        self._tell = report
        self._clock = clock
        self._lock = Lock()
        self._wanted: Source | None = None
        self._trying: Source | None = None
        self._failed_at: float | None = None
        self._stopping = False
        self.engine: Engine | None = None
        self.costs = Costs()
        self.loads = 0

    @property
    def row(self) -> ModelRow:
        """The model that requests are for: the last one that was there, at first the first."""
        return self._source.row

    def want(self, source: Source) -> bool:
        """Have `bring` load `source`, in place of whatever else it was to load.

        False where that is the model at hand and nothing is being loaded.
        """
        with self._lock:
            target = self._wanted or self._trying or self._source
            if source.row != target.row:
                self._wanted = source
            return self._wanted is not None or self._trying is not None

    def stop(self) -> None:
        """End a loading in progress at its next report."""
        self._stopping = True

    def is_wanted(self) -> bool:
        """Whether another model is wanted than the one at hand."""
        return self._wanted is not None

    def has_failed(self) -> bool:
        """Whether the last loading failed, and nothing was loaded since."""
        return self._failed_at is not None

    def may_retry(self) -> bool:
        """Whether the last failure is long enough ago."""
        return self._failed_at is None or self._clock() - self._failed_at >= RETRY_S

    def bring(self) -> Switched | None:
        """Load what is wanted, else the row at hand; what everybody should be told of it.

        When what is wanted fails, the model before is loaded again. Ends early, with no engine,
        when something else is wanted meanwhile or after `stop`.
        """
        with self._lock:
            wanted, self._wanted = self._wanted, None
            self._trying = wanted or self._source
        try:
            if wanted is not None:
                return self._exchanged(wanted)
            self._restore()
        except Ended:
            log.debug("a loading was ended")
        finally:
            with self._lock:
                self._trying = None
        return None

    def prove(self) -> None:
        """Have the engine show that it is sound, after something broke off within it. Raises
        whatever it does where it is not."""
        if self.engine is not None:
            self.engine.relieve()
            for request in self._source.warm_up[:1]:
                self.engine.warm_up(request)

    def close(self) -> None:
        """Let go of the engine, where there is one."""
        engine, self.engine = self.engine, None
        _close(engine)

    def _exchanged(self, wanted: Source) -> Switched:
        if self.engine is not None and wanted.row == self.row:
            return Switched(self.row)
        self._report(Progress("switching", f"Changing to {wanted.row.title}…"))
        # First: two models do not fit into the memory.
        self.close()
        why = self._failure(wanted)
        if not why:
            return Switched(self.row)
        if self._restore():
            return Switched(self.row, f"{self.row.title} is back: {why}")
        return Switched(self.row, why)

    def _restore(self) -> bool:
        """Load the row at hand; False, and everybody told, when that fails."""
        why = self._failure(self._source)
        if why:
            self._failed_at = self._clock()
            self._tell(Progress("failed", why))
        return not why

    def _failure(self, source: Source) -> str:
        """Load `source` and warm it up; one sentence when that fails, empty when it is there.

        The error itself stays behind: what it was raised from may hold half of the weights. Only
        `DeviceLost` is raised, since nothing can be loaded then. A place that went meanwhile is no
        failure: there may be another.
        """
        while True:
            try:
                return self._attempted(source)
            except PlaceLost:
                log.warning("a place went away while it was loaded")
            self._report(AGAIN)
            time.sleep(AGAIN_S)

    def _attempted(self, source: Source) -> str:
        """See `_failure`. Raises `PlaceLost` too."""
        self.loads += 1
        engine: Engine | None = None
        try:
            engine = source.load(self._report)
            costs = self._warmed_up(engine, source.warm_up)
            self._report(READY)
        except (Exception, SystemExit) as error:
            _close(engine)
            if isinstance(error, DeviceLost):
                raise
            # Whatever the download made of it, it was ended from here.
            if self._is_ended():
                raise Ended from error
            if isinstance(error, PlaceLost):
                raise
            if not isinstance(error, KleinError):
                log.error("the engine did not load", exc_info=error)
            return sentence_of(error, "The model could not be loaded")
        self._source, self.engine, self.costs = source, engine, costs
        self._failed_at = None
        return ""

    def _warmed_up(self, engine: Engine, requests: tuple[Request, ...]) -> Costs:
        """What renders of `requests` cost, after one each that is not measured."""
        costs = Costs()
        for request in requests:
            self._report(Progress("warming", "Warming up…"))
            engine.warm_up(request)
            started = self._clock()
            engine.warm_up(request)
            costs = costs.after(request, self._clock() - started)
        return costs

    def _report(self, progress: Progress) -> None:
        self._tell(progress)
        if self._is_ended():
            raise Ended

    def _is_ended(self) -> bool:
        return self._stopping or self._wanted is not None


def _close(engine: Engine | None) -> None:
    """An engine that cannot even be closed must not take the thread with it."""
    try:
        if engine is not None:
            engine.close()
    except Exception:
        log.exception("an engine was not closed")
