"""How often the app may begin anew by itself."""

from klein_ui.restarts import MOST, WITHIN_S, after, parsed, written


def test_it_may_three_times_in_ten_minutes() -> None:
    times: tuple[float, ...] | None = ()
    for second in range(MOST):
        times = after(times or (), 100.0 + second)
        assert times is not None
    assert after(times or (), 200.0) is None
    assert after(times or (), 100.0 + WITHIN_S) == (101.0, 102.0, 700.0)


def test_times_go_through_the_environment_and_nonsense_is_left_out() -> None:
    assert parsed(written((1.5, 1764000000.125))) == (1.5, 1764000000.125)
    assert parsed("") == ()
    assert parsed("x 7 -3 nan 1e9 8.5.2") == (7.0,)


def test_a_clock_that_was_set_back_counts_nothing_from_the_future() -> None:
    assert after((500.0, 501.0, 502.0), 100.0) == (100.0,)
