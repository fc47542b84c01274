"""From single keys to overheads."""

from dataclasses import replace

import pytest

from klein_ui.bench import isolated
from klein_ui.bench.records import Moment, Outcome, Record, Render, Seen, Submission

KEYS_MS = (1000.0, 2000.0)


def session(overhead_ms: float) -> tuple[Seen, Record]:
    """Two keys; each picture comes `overhead_ms` and a render of 40 ms later."""
    numbered = list(enumerate(KEYS_MS, start=1))
    seen = Seen(
        keys=tuple(Moment(number, at) for number, at in numbered),
        pictures=tuple(Moment(number, at + 40 + overhead_ms) for number, at in numbered),
        messages_ms=tuple(at + 50 for at in KEYS_MS),
    )
    record = Record(
        submissions=tuple(Submission(number, (at + 2) / 1000) for number, at in numbered),
        renders=tuple(
            Render(number, (at + 3) / 1000, (at + 43) / 1000, (), Outcome.FINISHED)
            for number, at in numbered
        ),
    )
    return seen, record


def test_overhead_is_key_to_paint_less_the_render() -> None:
    row = isolated.row("fake-40", "ours", *session(overhead_ms=20))
    assert (row.keys, row.missing) == (2, 0)
    assert row.overhead_median_ms == pytest.approx(20)
    assert row.overhead_p95_ms == pytest.approx(20)
    assert row.total_median_ms == pytest.approx(60)
    assert row.render_median_ms == pytest.approx(40)


def test_the_parts_add_up() -> None:
    row = isolated.row("fake-40", "ours", *session(overhead_ms=20))
    parts = (row.up_median_ms, row.wait_median_ms, row.down_median_ms, row.show_median_ms)
    assert [round(part or 0) for part in parts] == [2, 1, 7, 10]
    assert sum(part or 0 for part in parts) == pytest.approx(row.overhead_median_ms)


def test_a_picture_that_never_came_is_missing() -> None:
    seen, record = session(overhead_ms=20)
    row = isolated.row("fake-40", "plain", replace(seen, pictures=seen.pictures[:1]), record)
    assert (row.keys, row.missing) == (2, 1)
    assert row.overhead_median_ms == pytest.approx(20)


def test_nothing_but_missing_pictures_has_no_overhead() -> None:
    seen, record = session(overhead_ms=20)
    row = isolated.row("fake-40", "plain", replace(seen, pictures=()), record)
    assert row.missing == 2
    assert row.overhead_median_ms is None
    assert row.overhead_least_ms is None


def test_without_a_socket_the_way_down_is_unknown() -> None:
    seen, record = session(overhead_ms=20)
    row = isolated.row("fake-40", "plain", replace(seen, messages_ms=()), record)
    assert row.down_median_ms is None
    assert row.show_median_ms is None


def test_the_first_of_two_pictures_of_a_key_counts() -> None:
    seen, record = session(overhead_ms=20)
    later = tuple(Moment(one.number, one.at_ms + 300) for one in seen.pictures)
    row = isolated.row("postcard", "ours", replace(seen, pictures=seen.pictures + later), record)
    assert row.overhead_p95_ms == pytest.approx(20)


def test_a_preview_before_the_render_ended_is_not_its_picture() -> None:
    seen, record = session(overhead_ms=20)
    previews = tuple(Moment(one.number, one.at_ms - 30) for one in seen.pictures)
    row = isolated.row("postcard", "ours", replace(seen, pictures=previews + seen.pictures), record)
    assert row.overhead_median_ms == pytest.approx(20)
