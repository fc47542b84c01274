"""A real page in a real Chromium, over the scripted engine."""

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from klein_ui import models, pacing, settings, validate
from klein_ui.contract import InvalidLora
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.loading import Report, Source
from klein_ui.loras import LoraShelf
from klein_ui.moodboard import Moodboard
from klein_ui.provenance.export import Exporter
from klein_ui.store import PictureStore
from klein_ui.ui import page
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import FetchLora, Services
from klein_ui.ui.shelf import Shelf

from .boards import board, hang
from .editing import COLOURS
from .tab import Site, Tab

CHROMIUM = next(
    filter(
        None,
        map(
            shutil.which,
            ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"),
        ),
    ),
    None,
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # A page finds the process of the one before, and what it has compiled.
    "--renderer-process-limit=1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera that shows a moving test picture, and is allowed.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
# A busy machine is slow, not wrong.
expect.set_options(timeout=20_000)
FAILS_ON = "thunderbolt"
NO_HUB = "The hub cannot be reached; connect and try again."
STORED = "local_storage,indexeddb,cache_storage,service_workers"
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
RECORD = """
window.painted = [];
document.addEventListener("klein:painted", (event) => window.painted.push(event.detail));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Chromium, and comes last: while that is up, no asyncio test
    can run."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium here; install chromium"))
    items.sort(key=lambda item: here in item.path.parents)


def no_hub(hub_id: str, report: Report) -> str:
    """What happens without a network."""
    raise InvalidLora(NO_HUB)


@contextmanager
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Serves a page over an engine, or over what `load(report, pictures)` gives, and offers
    `others`; all are closed at the end."""
    closers: list[Callable[[], object]] = []

    def start(
        engine: Any,
        load: Callable[..., Any] | None = None,
        row: models.ModelRow = models.POSTCARD,
        others: tuple[Source, ...] = (),
        folder_of_loras: Path | None = None,
        fetch_lora: FetchLora | None = None,
        data: Path | None = None,
        flags: tuple[str, ...] = (),
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> Site:
        folder = str(data or tmp_path_factory.mktemp("data"))
        chosen = settings.read(["--port", str(_free_port()), "--data-dir", folder, *flags], environ)
        asked = validate.asked({}, row)
        pictures = PictureStore(chosen.data_dir / "pictures", 2**28, 2**26)
        source = Source(
            row,
            lambda report: load(report, pictures) if load else engine,
            (*asked.drafts[:1], asked.request),
        )
        dispatcher = Dispatcher(source, pacing.PacingSettings())
        shelf = Shelf(64 * 2**20)
        choices = Choices((source, *others))
        loras = LoraShelf(folder_of_loras or chosen.data_dir / "loras")
        ledger = Ledger(chosen.data_dir / "kept")
        services = Services(
            choices,
            dispatcher,
            chosen,
            shelf,
            pictures,
            loras,
            fetch_lora or no_hub,
            Exporter(),
            ledger,
            History(ledger),
            Moodboard(ledger),
        )
        dispatcher.start()
        blocks = page.build(services)
        closers.extend((blocks.close, dispatcher.stop, services.close))
        served = page.launch(blocks, services, block_thread=False)
        return Site(served.url, engine, services)

    try:
        yield start
    finally:
        for close in closers:
            close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """See `serving`; closed with the module, since many that idle take a core together."""
    with serving(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page that most tests share."""
    with serving(tmp_path_factory) as start:
        yield start(FakeEngine(render_s=0.03, fails_on=FAILS_ON))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A desk's profile for all tests, which has to read the page's files only once."""
    shared = browser.new_context(**DESK)
    shared.add_init_script(RECORD)
    yield shared
    shared.close()


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A profile that knows nobody; `@pytest.mark.parametrize("context", [...], indirect=True)` sets
    up one of its own."""
    if not hasattr(request, "param"):
        shared: BrowserContext = request.getfixturevalue("profile")
        origins: set[str] = set()

        def visited(request: Request) -> None:
            if request.is_navigation_request() and request.url.startswith("http"):
                origins.add(_origin(request.url))

        shared.on("request", visited)
        yield shared
        shared.remove_listener("request", visited)
        _forget(shared, origins)
        return
    fresh = browser.new_context(**{**DESK, **request.param})
    fresh.add_init_script(RECORD)
    yield fresh
    fresh.close()


@pytest.fixture
def open_tab(context: BrowserContext, site: Site) -> Iterator[Callable[..., Tab]]:
    """Opens tabs; at the end none may have logged an error or asked anything from outside."""
    tabs: list[Tab] = []

    def start(prepare: Callable[[Page], object] = _as_it_is, at: Site = site) -> Tab:
        tab = Tab(context.new_page(), at)
        _watch(tab)
        prepare(tab.page)
        tab.page.goto(at.url)
        tab.page.get_by_label("Prompt", exact=True).wait_for()
        tab.page.wait_for_function("document.querySelector('.klein-size')?.textContent > ''")
        tabs.append(tab)
        return tab

    yield start
    for tab in tabs:
        assert tab.errors == []
        assert tab.outside == []


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    """One open tab."""
    return open_tab()


def _as_it_is(page: Page) -> None:
    """Prepare nothing."""


def _forget(profile: BrowserContext, origins: set[str]) -> None:
    """All that a visit of `origins` left behind, but for the files of the page."""
    for opened in profile.pages:
        opened.close()
    blank = profile.new_page()
    session = profile.new_cdp_session(blank)
    for origin in origins:
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": STORED})
    blank.close()
    profile.clear_cookies()
    profile.clear_permissions()


def _origin(url: str) -> str:
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}"


def _watch(tab: Tab) -> None:
    def logged(message: Any) -> None:
        if message.type in ("error", "warning"):
            tab.errors.append(message.text)

    def asked(request: Any) -> None:
        local = request.url.startswith((tab.site.url, "data:", "blob:"))
        if not local:
            tab.outside.append(request.url)

    tab.page.on("console", logged)
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.page.on("request", asked)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images of one colour each, 96 x 64 pixels."""
    folder = tmp_path_factory.mktemp("images")
    paths = {name: folder / f"{name}.png" for name in COLOURS}
    for name, path in paths.items():
        Image.new("RGB", (96, 64), COLOURS[name]).save(path)
    return paths


@pytest.fixture
def edit(tab: Tab) -> Tab:
    """The Edit tab in front."""
    return tab.edit()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page over an engine of this test alone."""
    with serving(tmp_path_factory) as start:
        yield start(FakeEngine(render_s=0.01, fails_on="thunderbolt"))


@pytest.fixture
def wall(open_tab: Callable[..., Tab], own: Site) -> Tab:
    """A board with four pins, in front."""
    tab = open_tab(at=own)
    hang(own, tab, "sun", "moon", "sea", "rain")
    return board(tab)
