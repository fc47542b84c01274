"""The engine that is elsewhere: a lane to each replica of a model in a Ray cluster.

One thread keeps the lanes: it opens one for each replica there is, a new one in place of each that
broke, and renews every lane from time to time between two pictures. So a replica that is to go is
left by itself, since the cluster gives no new connection to it.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from threading import Event, Thread
from urllib.parse import quote, urlsplit

from klein_ui.contract import (
    EngineFailed,
    Frame,
    Held,
    Hooks,
    Loras,
    Origin,
    Pictures,
    Progress,
    Request,
    Stage,
    Use,
)
from klein_ui.loading import Report, Source
from klein_ui.models import ModelRow
from klein_ui.serve import wire
from klein_ui.serve.lane import RemoteLane, Sources
from klein_ui.serve.link import Link, Unreachable
from klein_ui.validate import asked

log = logging.getLogger(__name__)

TICK_S = 0.5
LEASE_S = 10.0
"""How long a connection is used before a new one takes its place."""
MOST_LANES = 64
ASK_S = 5.0
RETRY_S = 1.0
CLOSE_S = 1.0
"""A connection on its way may take longer than an app has time to end; it is left then."""

GONE = "The cluster at {} cannot be reached; it is tried again by itself, and what is typed waits."
NOBODY = (
    "The cluster at {} cannot be reached; start it with “python -m klein_ui.serve”, say by --model "
    "what it will draw with, or draw on this machine with --engine local."
)
NO_MODEL = "The cluster at {} has no model; start one there with “python -m klein_ui.serve”."
LEFT = "The cluster at {} has no {} any more; choose another model."


class RemoteEngine:
    """See `contract.Engine`. Its lanes never change their order, and there are at most
    `MOST_LANES`."""

    together = None

    def __init__(self, url: str, sources: Sources) -> None:
        """`url` is that of the replicas' WebSocket. Raises `Unreachable`."""
        self._url = url
        self._sources = sources
        self._news, self._is_closed = Event(), False
        first = Link(url)
        self.origin: Origin = first.origin
        self._lanes = [self._lane(first)]
        self._keeper = Thread(target=self._keep, name="lanes", daemon=True)
        self._keeper.start()

    @property
    def lanes(self) -> Sequence[RemoteLane]:
        """One for each replica, and those that had one."""
        return tuple(self._lanes)

    @property
    def place(self) -> str | None:
        """That of the first lane that has one."""
        return next((lane.place for lane in self._lanes if lane.place is not None), None)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """With the first lane."""
        return self._any().render(request, stage, hooks)

    def has(self, request: Request) -> bool:
        """See `RemoteLane.has`."""
        return False

    def warm_up(self, request: Request) -> None:
        """Render once with one replica: each was warm before it was given any lane."""
        self._any().warm_up(request)

    def held(self) -> Held:
        """That of all replicas, summed up."""
        caches: dict[str, Use] = {}
        device_bytes: int | None = None
        for link in filter(None, (lane.link for lane in self._lanes)):
            for name, use in link.held.caches.items():
                so_far = caches.get(name, Use(0, 0))
                held, most = so_far.held_bytes + use.held_bytes, so_far.max_bytes + use.max_bytes
                caches[name] = Use(held, most)
            if link.held.device_bytes is not None:
                device_bytes = (device_bytes or 0) + link.held.device_bytes
        return Held(caches, device_bytes)

    def relieve(self) -> None:
        """The first lane's; a replica that is short of memory is relieved by its own lane."""
        self._any().relieve()

    def close(self) -> None:
        """Leave all replicas, which stay."""
        self._is_closed = True
        self._news.set()
        self._keeper.join(CLOSE_S)
        for lane in self._lanes:
            lane.close()

    def _any(self) -> RemoteLane:
        return next((lane for lane in self._lanes if lane.place is not None), self._lanes[0])

    def _lane(self, link: Link) -> RemoteLane:
        return RemoteLane(link, self._sources, self._news.set)

    # Everything below runs on the keeper's thread.

    def _keep(self) -> None:
        while not self._is_closed:
            try:
                self._tend()
            except Unreachable as error:
                log.debug("no more lanes: %s", error)
            except Exception:
                log.exception("the lanes were left as they are")
            self._news.wait(TICK_S)
            self._news.clear()

    def _tend(self) -> None:
        """Open what is missing, and renew what is old. Raises `Unreachable`."""
        now = time.monotonic()
        for lane in self._lanes:
            link = lane.link
            if link is not None and now - link.opened_at > LEASE_S:
                lane.take(self._opened(f"+{link.place}", lane))
        replicas = max((link.replicas for link in self._links()), default=1)
        while len(self._links()) < min(replicas, MOST_LANES):
            places = sorted(link.place for link in self._links())
            link = self._opened(f"-{','.join(places)}" if places else "", None)
            if link is None:
                # The cluster counts one that takes nobody yet, or no more.
                return
            idle = next((lane for lane in self._lanes if lane.link is None), None)
            if idle is not None:
                idle.take(link)
            else:
                self._lanes.append(self._lane(link))

    def _links(self) -> list[Link]:
        return [link for link in (lane.link for lane in self._lanes) if link is not None]

    def _opened(self, wish: str, own: RemoteLane | None) -> Link | None:
        """A connection by `wish`, for the lane `own`; None where another lane has that replica."""
        link = Link(self._url, wish)
        others = (lane.place for lane in self._lanes if lane is not own)
        if self._is_closed or link.place in others:
            link.close()
            return None
        return link


def address_of(engine: str) -> str:
    """The HTTP address of the cluster that `ray://host:port` names."""
    return f"http://{urlsplit(engine).netloc}"


def prefix_of(name: str) -> str:
    """The path of all that the replicas of the model `name` answer to."""
    return f"/{quote(name)}"


def offered(engine: str) -> tuple[ModelRow, ...]:
    """The models of the cluster that `engine` names. Raises `EngineFailed`, as a sentence."""
    address = address_of(engine)
    try:
        prefixes = sorted(_asked(f"{address}/-/routes"))
        found = [_row(address, prefix) for prefix in prefixes]
    except (OSError, ValueError) as error:
        raise EngineFailed(NOBODY.format(engine)) from error
    rows = tuple(row for row in found if row is not None)
    if not rows:
        raise EngineFailed(NO_MODEL.format(engine))
    return rows


def _row(address: str, prefix: str) -> ModelRow | None:
    """The model behind `prefix`; None where that is another application, or not ready yet. Raises
    `OSError` where nobody answers any more."""
    try:
        row = wire.row_from(_asked(f"{address}{quote(prefix.rstrip('/'))}/row"))
    except (urllib.error.HTTPError, ValueError):
        return None
    # Lanes look for it there.
    return row if prefix_of(row.name) == quote(prefix) else None


def source(engine: str, row: ModelRow, pictures: Pictures, loras: Loras) -> Source:
    """The model of `row` in the cluster that `engine` names. While nobody answers there, loading
    it waits, and says so; where the cluster has other models by now, it fails."""
    netloc = urlsplit(engine).netloc
    url, sources = f"ws://{netloc}{prefix_of(row.name)}/lane", Sources(pictures, loras)

    def load(report: Report) -> RemoteEngine:
        report(Progress("connecting", f"Connecting to {engine}…"))
        while True:
            try:
                return RemoteEngine(url, sources)
            except Unreachable as error:
                log.info("no replica: %s", error)
                if _has_only_others(engine, row):
                    raise EngineFailed(LEFT.format(engine, row.title)) from error
                report(Progress("reconnecting", GONE.format(engine)))
                time.sleep(RETRY_S)

    wanted = asked({}, row)
    return Source(row, load, (*wanted.drafts[:1], wanted.request))


def _has_only_others(engine: str, row: ModelRow) -> bool:
    """Whether the cluster answers, draws something, and knows no `row`, starting or not."""
    try:
        prefixes = {quote(prefix) for prefix in _asked(f"{address_of(engine)}/-/routes")}
    except (OSError, ValueError):
        return False
    return bool(prefixes) and prefix_of(row.name) not in prefixes


def _asked(url: str) -> dict[str, object]:
    """The JSON object at `url`. Raises `OSError`, `ValueError`."""
    # As with lanes, no proxy of the environment stands between an app and its cluster.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=ASK_S) as answer:
        found = json.load(answer)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
