"""The byte-bounded cache."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.cache import ByteLRU


def test_the_least_recently_used_goes_first() -> None:
    cache: ByteLRU[str, int] = ByteLRU(max_bytes=2)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_a_value_larger_than_the_cache_is_not_kept_and_drops_nothing() -> None:
    cache: ByteLRU[str, int] = ByteLRU(max_bytes=2)
    cache.put("a", 1, 2)
    cache.put("b", 2, 3)
    assert (cache.get("a"), cache.get("b")) == (1, None)


def test_hits_and_misses_are_counted_and_a_look_is_not() -> None:
    cache: ByteLRU[str, int] = ByteLRU(max_bytes=9)
    cache.put("a", 1, 4)
    cache.get("a")
    cache.get("b")
    assert "a" in cache
    assert "b" not in cache
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.entries, stats.held_bytes) == (1, 1, 1, 4)


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ByteLRU(-1)
    with pytest.raises(ValueError, match="negative"):
        ByteLRU[str, int](1).put("a", 1, -1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60), st.integers(0, 100))
def test_it_never_holds_more_than_its_bytes(puts: list[tuple[int, int]], max_bytes: int) -> None:
    cache: ByteLRU[int, int] = ByteLRU(max_bytes)
    sizes: dict[int, int] = {}
    for key, size_bytes in puts:
        cache.put(key, key, size_bytes)
        sizes[key] = size_bytes
        stats = cache.stats()
        assert stats.held_bytes <= max_bytes
        assert stats.held_bytes == sum(sizes[k] for k in range(10) if k in cache)
    cache.clear()
    assert cache.stats().held_bytes == 0
