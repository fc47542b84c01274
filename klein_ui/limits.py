"""How much one address may ask for: token buckets, pure given `now`, in bounded memory."""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from threading import Lock

MOST_ADDRESSES = 4096
GENEROUS = 16
"""How many people may stand behind an address of this machine or its network: a proxy, or a team
that sits around one GPU."""
PREFIX_BITS = 64
"""What a household of IPv6 is given; within it, addresses are for the taking."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_s` a second; `who` did too much is said as “You …”."""

    name: str
    burst: int
    per_s: float
    who: str

    def sentence(self, wait_s: float) -> str:
        """What to tell who has to wait."""
        seconds = max(1, math.ceil(wait_s))
        unit = "second" if seconds == 1 else "seconds"
        return f"{self.who} faster than this server takes them; wait {seconds} {unit}."


UPLOADS = Rate("uploads", 24, 1.0, "You add images")
CALLS = Rate("calls", 32, 1.0, "You ask for pictures")
JOINS = Rate("joins", 600, 50.0, "You send")
"""Calls of any kind, the keys of pages without a socket among them."""
LORAS = Rate("loras", 4, 1 / 20, "You fetch LoRAs")
EXPORTS = Rate("exports", 12, 0.5, "You save files")
OPENS = Rate("opens", 12, 0.5, "You open files")
VIEWS = Rate("views", 240, 20.0, "You load large pictures")
"""What is decoded for each answer."""
SAVES = Rate("saves", 60, 2.0, "You save pictures")
"""What may have to be made again first."""
REQUESTS = Rate("requests", 3000, 200.0, "You send requests")
"""All others, the thumbnails of a long wall among them."""
PINS = Rate("pins", 60, 4.0, "You pin pictures")
MESSAGES = Rate("messages", 480, 240.0, "You type")
"""Of one socket: a held key repeats 30 to 60 times a second, and the fastest mouse drags a slider
120 times; above twice that the next message is read later, and nobody is refused."""
ADDRESS_MESSAGES = Rate("address messages", 2000, 1000.0, "You type")
"""Of all sockets of an address: two people who drag at once, each with four variations."""
MOST_SOCKETS = 24
MOST_CALLS, MOST_CALLS_OF_ADDRESS = 64, 8
"""Pictures that programs wait for at the same time; each takes its turn as a page does."""
TOO_MANY_PAGES = "Too many pages are open from your address; close one and reload this."


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` were there at `at`, in seconds."""

    tokens: float
    at: float


def taken(bucket: Bucket | None, burst: int, per_s: float, now: float) -> tuple[Bucket, float]:
    """The bucket after one more was asked for at `now`, and the seconds to wait: 0 if it was given.

    None is a full bucket. A clock that goes back gives nothing and takes nothing.
    """
    before = bucket or Bucket(burst, now)
    passed_s = max(0.0, now - before.at)
    tokens = min(float(burst), before.tokens + passed_s * per_s)
    at = max(now, before.at)
    if tokens >= 1:
        return Bucket(tokens - 1, at), 0.0
    return Bucket(tokens, at), (1 - tokens) / per_s


def booked(bucket: Bucket | None, burst: int, per_s: float, now: float) -> tuple[Bucket, float]:
    """The bucket after one more that is let through at its turn, and the seconds until that.

    It may owe tokens: whoever waits its turn before it asks again owes no more than one.
    """
    before = bucket or Bucket(burst, now)
    passed_s = max(0.0, now - before.at)
    tokens = min(float(burst), before.tokens + passed_s * per_s) - 1
    return Bucket(tokens, max(now, before.at)), max(0.0, -tokens / per_s)


Rule = Callable[[Bucket | None, int, float, float], tuple[Bucket, float]]


class Pace:
    """How quickly the messages of one socket are read. Lives on the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bucket: Bucket | None = None

    def turn_s(self) -> float:
        """One more came; the seconds until it may be heard."""
        self._bucket, wait_s = booked(self._bucket, MESSAGES.burst, MESSAGES.per_s, self._clock())
        return wait_s


class Places:
    """Who does at this moment what only so many may do at once: `each` of an address, `all`
    together. Lives on the event loop alone."""

    def __init__(self, each: int, every: int) -> None:
        self._each = each
        self._every = every
        self._of: Counter[str] = Counter()

    @contextmanager
    def taken(self, address: str) -> Iterator[bool]:
        """Whether there is a place for `address`, which it has within the context."""
        name, times = household(address)
        has_one = self._of[name] < self._each * times and self._of.total() < self._every
        self._of[name] += has_one
        try:
            yield has_one
        finally:
            self._of[name] -= has_one
            self._of += Counter()


class Limits:
    """The buckets and open pages of each address. Safe to use from several threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most_addresses: int = MOST_ADDRESSES
    ) -> None:
        self._clock = clock
        self._most = most_addresses
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self._pages: Counter[str] = Counter()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, rate: Rate, address: str) -> float:
        """Take one of `rate` for `address`; the seconds to wait where there is none, else 0."""
        return self._asked(taken, rate, address)

    def turn_s(self, rate: Rate, address: str) -> float:
        """Take one of `rate` for `address` in any case; the seconds until its turn."""
        return self._asked(booked, rate, address)

    def _asked(self, rule: Rule, rate: Rate, address: str) -> float:
        key, times = household(address)
        with self._lock:
            bucket = self._buckets.pop((rate.name, key), None)
            kept, wait_s = rule(bucket, rate.burst * times, rate.per_s * times, self._clock())
            self._buckets[rate.name, key] = kept
            # Whoever asked longest ago has the fullest bucket to lose.
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return wait_s

    def enter(self, address: str) -> bool:
        """One more page of `address`; False, and nothing is counted, if it has enough."""
        key, times = household(address)
        with self._lock:
            if self._pages[key] >= MOST_SOCKETS * times:
                return False
            self._pages[key] += 1
            return True

    def leave(self, address: str) -> None:
        """A page of `address` is gone."""
        key, _ = household(address)
        with self._lock:
            self._pages[key] -= 1
            if self._pages[key] <= 0:
                del self._pages[key]


def household(address: str) -> tuple[str, int]:
    """Under which name `address` is counted, and how many times the usual it may do."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64], 1
    plain = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    times = GENEROUS if plain.is_loopback or plain.is_private else 1
    if isinstance(plain, IPv4Address):
        return str(plain), times
    return str(IPv6Address(int(plain) >> PREFIX_BITS << PREFIX_BITS)), times
