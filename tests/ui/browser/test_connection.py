"""The ways to the server: early typing, a lost socket, no socket at all, and two tabs."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from klein_ui import models
from klein_ui.contract import Progress
from klein_ui.engine.fake import FakeEngine
from klein_ui.ui import wire
from klein_ui.ui.socket import TRY_AGAIN_LATER

from .scripted import SOCKET, Server
from .tab import Site, Tab


def test_an_older_frame_is_never_shown(open_tab: Callable[..., Tab]) -> None:
    servers: list[Server] = []
    tab = open_tab(lambda page: servers.append(Server(page)))
    server = servers[0]
    tab.type("abc", 0)
    server.frame(2, "final", "red")
    _wait_for(tab, 2, "final")
    server.frame(1, "final", "blue")
    server.frame(2, "draft", "blue")
    server.frame(3, "draft", "green")
    _wait_for(tab, 3, "draft")
    server.frame(3, "preview", "blue")
    server.frame(3, "final", "white")
    _wait_for(tab, 3, "final")
    stages = [(frame["seq"], frame["stage"]) for frame in tab.frames()]
    assert stages == [(2, "final"), (3, "draft"), (3, "final")]


def test_a_late_picture_does_not_fill_an_emptied_prompt(open_tab: Callable[..., Tab]) -> None:
    servers: list[Server] = []
    tab = open_tab(lambda page: servers.append(Server(page)))
    tab.type("a", 0)
    tab.page.keyboard.press("Backspace")
    servers[0].frame(1, "final", "red")
    tab.type("b", 0)
    servers[0].frame(3, "final", "blue")
    _wait_for(tab, 3, "final")
    assert [frame["seq"] for frame in tab.frames()] == [3]


def test_who_has_to_wait_sees_how_many_come_before_until_the_next_frame(
    open_tab: Callable[..., Tab],
) -> None:
    servers: list[Server] = []
    tab = open_tab(lambda page: servers.append(Server(page)))
    line = tab.page.locator("#klein-desk .klein-numbers")
    tab.type("a", 0)
    servers[0].say(type="busy", ahead=12)
    expect(line).to_have_text("Busy: 12 ahead of you.")
    servers[0].frame(1, "final", "red")
    _wait_for(tab, 1, "final")
    expect(line).to_contain_text("ms")


def test_an_error_of_an_older_key_is_not_told(open_tab: Callable[..., Tab]) -> None:
    servers: list[Server] = []
    tab = open_tab(lambda page: servers.append(Server(page)))
    tab.type("ab", 0)
    servers[0].say(type="error", seq=1, field=None, sentence="Old.")
    servers[0].say(type="error", seq=2, field=None, sentence="New.")
    expect(tab.page.get_by_role("alert")).to_have_text("New.")
    servers[0].frame(1, "final", "red")
    _wait_for(tab, 1, "final")
    expect(tab.page.get_by_role("alert")).to_have_text("New.")
    tab.type("c", 0)
    servers[0].frame(3, "final", "red")
    expect(tab.page.locator("#klein-message-text")).to_have_text("")


def test_another_model_after_a_restart_asks_for_a_reload(open_tab: Callable[..., Tab]) -> None:
    def other(page: Page) -> None:
        page.route_web_socket(SOCKET, lambda route: route.send(wire.hello(models.get("klein-4b"))))

    tab = open_tab(other)
    expect(tab.page.locator("#klein-message-text")).to_contain_text("reload the page")


def test_what_is_typed_before_the_socket_opens_is_sent_when_it_does(
    open_tab: Callable[..., Tab],
) -> None:
    held: list[WebSocketRoute] = []
    tab = open_tab(lambda page: page.route_web_socket(SOCKET, lambda route: held.append(route)))
    tab.type("typed early")
    assert tab.frames() == []
    _pass_through(held[0])
    tab.settle()
    assert tab.shown().prompt == "typed early"


def test_a_lost_socket_comes_back_with_the_newest_prompt(open_tab: Callable[..., Tab]) -> None:
    routes: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        routes.append(route)
        _pass_through(route)

    tab = open_tab(lambda page: page.route_web_socket(SOCKET, relay))
    tab.type("before")
    tab.settle()
    routes[0].close()
    tab.type(" and after")
    tab.settle()
    assert tab.shown().prompt == "before and after"
    assert len(routes) > 1
    assert tab.message() == ""


@pytest.mark.parametrize("how", ["throws", "closes"])
def test_without_websockets_gradio_events_carry_the_pictures(
    open_tab: Callable[..., Tab], how: str
) -> None:
    def block(page: Page) -> None:
        if how == "throws":
            page.add_init_script("window.WebSocket = class { constructor() { throw Error(); } };")
        else:
            page.route_web_socket(SOCKET, lambda route: route.close())

    tab = open_tab(block)
    tab.type("over events", 40)
    tab.settle()
    assert tab.shown().prompt == "over events"
    tab.type(" too", 40)
    tab.settle()
    assert tab.shown().prompt == "over events too"


def test_a_key_whose_event_is_lost_is_said_again(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(lambda page: page.route_web_socket(SOCKET, lambda route: route.close()))
    tab.type("one", 0)
    tab.settle()
    lost = {"event_id": "lost"}
    tab.page.route("**/queue/join*", lambda route: route.fulfill(json=lost), times=1)
    with tab.page.expect_response("**/queue/join*") as reply:
        tab.type("s", 0)
    assert reply.value.json() == lost
    tab.settle()
    assert tab.shown().prompt == "ones"


def test_why_there_is_no_place_is_said_until_there_is_one(open_tab: Callable[..., Tab]) -> None:
    routes: list[WebSocketRoute] = []
    is_full = False

    def relay(route: WebSocketRoute) -> None:
        routes.append(route)
        if is_full:
            route.close(code=TRY_AGAIN_LATER, reason=wire.FULL)
        else:
            _pass_through(route)

    tab = open_tab(lambda page: page.route_web_socket(SOCKET, relay))
    tab.type("before")
    tab.settle()
    is_full = True
    routes[0].close()
    line = tab.page.locator("#klein-message-text")
    expect(line).to_have_text(wire.FULL)
    tab.type(" and after")
    is_full = False
    tab.settle()
    assert tab.shown().prompt == "before and after"
    expect(line).to_have_text("")


def test_closing_a_tab_without_websockets_frees_its_slot_too(
    open_tab: Callable[..., Tab], site: Site
) -> None:
    other = open_tab()
    tab = open_tab(
        lambda page: page.route_web_socket(SOCKET, lambda route: route.close()),
    )
    tab.type("over events")
    tab.settle()
    open_sessions = site.services.dispatcher.stats().sessions
    tab.page.close()
    other.until(lambda: site.services.dispatcher.stats().sessions < open_sessions)


def test_two_tabs_are_two_sessions(open_tab: Callable[..., Tab], site: Site) -> None:
    first, second = open_tab(), open_tab()
    first.type("the first")
    second.type("the second")
    for tab, prompt in ((first, "the first"), (second, "the second")):
        tab.page.bring_to_front()
        tab.settle()
        assert tab.shown().prompt == prompt
    open_sessions = site.services.dispatcher.stats().sessions
    second.page.close()
    first.until(lambda: site.services.dispatcher.stats().sessions < open_sessions)


@pytest.fixture
def loading(serve: Callable[..., Site]) -> Iterator[tuple[Site, threading.Event]]:
    """A site whose model loads until the event is set."""
    loaded = threading.Event()
    engine = FakeEngine(render_s=0.02)

    def load(report: Callable[[Progress], None], pictures: object) -> FakeEngine:
        report(Progress("download", "Downloading the model: 1 of 4 GB.", 0.25))
        loaded.wait(60)
        return engine

    yield serve(engine, load), loaded
    loaded.set()


def test_loading_is_shown_and_early_typing_kept(
    open_tab: Callable[..., Tab], loading: tuple[Site, threading.Event]
) -> None:
    site, loaded = loading
    tab = open_tab(at=site)
    bar = tab.page.get_by_role("progressbar", name="Loading the model")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("value", "0.25")
    expect(tab.page.get_by_text("Downloading the model: 1 of 4 GB.")).to_be_visible()
    tab.type("typed while it loads")
    loaded.set()
    tab.settle()
    assert tab.shown().prompt == "typed while it loads"
    expect(bar).to_be_hidden()


def _wait_for(tab: Tab, seq: int, stage: str) -> None:
    tab.page.wait_for_function(
        "([seq, stage]) => window.painted.some((at) => at.seq === seq && at.stage === stage)",
        arg=[seq, stage],
    )


def _pass_through(route: WebSocketRoute) -> None:
    server = route.connect_to_server()
    route.on_message(server.send)
    server.on_message(route.send)
