"""A least-recently-used cache bounded by bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counts since the cache was made, and what it holds now."""

    hits: int
    misses: int
    entries: int
    held_bytes: int
    max_bytes: int


class ByteLRU(Generic[K, V]):
    """Keeps the most recently used values while their sizes add up to at most `max_bytes`.

    A value larger than the whole cache is not kept. Safe to use from several threads.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative, got {max_bytes}")
        self._max_bytes = max_bytes
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._held_bytes = 0
        self._hits = 0
        self._misses = 0
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value of `key`, which becomes the most recently used; None when absent."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def __contains__(self, key: K) -> bool:
        """Whether `key` is kept; neither counted nor a use."""
        with self._lock:
            return key in self._entries

    def keys(self) -> tuple[K, ...]:
        """What is kept, least recently used first; neither counted nor a use."""
        with self._lock:
            return tuple(self._entries)

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep `value` under `key`, dropping the least recently used until it fits."""
        if size_bytes < 0:
            raise ValueError(f"size_bytes must not be negative, got {size_bytes}")
        with self._lock:
            self._drop(key)
            if size_bytes > self._max_bytes:
                return
            while self._held_bytes + size_bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))
            self._entries[key] = (value, size_bytes)
            self._held_bytes += size_bytes

    def remove(self, key: K) -> None:
        """Drop `key`, where it is kept."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything; the counts go on."""
        with self._lock:
            self._entries.clear()
            self._held_bytes = 0

    def stats(self) -> CacheStats:
        """Counts and sizes at this moment."""
        with self._lock:
            return CacheStats(
                hits=self._hits,
                misses=self._misses,
                entries=len(self._entries),
                held_bytes=self._held_bytes,
                max_bytes=self._max_bytes,
            )

    def _drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._held_bytes -= entry[1]
