"""In whose context a picture is made."""

from contextvars import ContextVar, copy_context

from klein_ui.visitors import Visitors

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


def heard(visitors: Visitors, session: str, who: str) -> None:
    """`who` asks for `session`."""

    def asks() -> None:
        WHO.set(who)
        visitors.heard(session)

    copy_context().run(asks)


def test_the_newest_context_of_each_session_counts() -> None:
    visitors = Visitors()
    heard(visitors, "a", "alice")
    heard(visitors, "b", "bob")
    assert [visitors.of(name).run(WHO.get) for name in ("a", "b")] == ["alice", "bob"]
    heard(visitors, "a", "anna")
    assert visitors.of("a").run(WHO.get) == "anna"
    assert WHO.get() == "nobody"


def test_who_left_or_never_came_is_nobody() -> None:
    visitors = Visitors()
    heard(visitors, "a", "alice")
    visitors.left("a")
    visitors.left("a")
    assert visitors.of("a").run(WHO.get) == "nobody"


def test_who_wants_no_picture_any_more_is_told() -> None:
    visitors, told = Visitors(), list[str]()
    visitors.tell(told.append)
    heard(visitors, "a", "alice")
    visitors.cleared("a")
    assert visitors.of("a").run(WHO.get) == "alice"
    visitors.left("b")
    assert told == ["a", "b"]


def test_a_context_can_be_had_while_another_of_the_session_is_entered() -> None:
    visitors = Visitors()
    heard(visitors, "a", "alice")
    assert visitors.of("a").run(lambda: visitors.of("a").run(WHO.get)) == "alice"
