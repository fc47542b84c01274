"""A browser tab on the page, and what a test may ask of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import Page

from klein_ui import provenance
from klein_ui.contract import Request
from klein_ui.ui import desk as desks
from klein_ui.ui.services import Services

CANVAS = "#klein-stage .klein-picture"
SETTLED = """(canvas) => {
  const newest = Number(document.querySelector(canvas).dataset.promptSeq);
  const painted = window.painted.at(-1);
  return painted?.stage === "final" && painted.seq === newest;
}"""


@dataclass(frozen=True)
class Site:
    """A served page and the engine behind it."""

    url: str
    engine: Any
    services: Services


@dataclass
class Tab:
    """One browser tab on the site, and what went wrong in it."""

    page: Page
    site: Site
    desk: str = desks.LIVE
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    @property
    def canvas(self) -> str:
        """The selector of the picture."""
        return f"#{self.desk}-stage .klein-picture"

    def edit(self) -> "Tab":
        """Go to the Edit tab; from now on the questions are about that."""
        self.page.get_by_role("tab", name="Edit").click()
        self.page.wait_for_selector("#klein-edit-stage .klein-well[data-image]", state="attached")
        self.desk = desks.EDIT
        return self

    def type(self, text: str, delay_ms: int = 20) -> None:
        """Type with the keyboard into whatever has the focus."""
        self.page.keyboard.type(text, delay=delay_ms)

    def settle(self, timeout_ms: float = 20_000) -> None:
        """Wait until the picture on screen is the final one of the newest prompt."""
        self.page.wait_for_function(SETTLED, arg=self.canvas, timeout=timeout_ms)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something outside of the page is so."""
        for _ in range(200):
            if true():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("it never came true")

    def text(self, label: str = "Prompt") -> str:
        """What stands in the box called `label`."""
        return str(self.page.get_by_label(label, exact=True).input_value())

    def message(self) -> str:
        """The sentence under the prompt."""
        return str(self.page.locator(f"#{self.desk}-message-text").inner_text())

    def seq(self) -> int:
        """The sequence number of the picture on screen, -1 before the first."""
        return int(self.page.locator(self.canvas).get_attribute("data-seq") or -1)

    def frames(self) -> list[dict[str, Any]]:
        """What was painted so far."""
        painted: list[dict[str, Any]] = self.page.evaluate("window.painted")
        return painted

    def shown(self) -> Request:
        """The request inside the PNG of the picture on screen."""
        return request_in(self.png())

    def png(self) -> bytes:
        """The picture on screen as the page would download it."""
        frame = self.frames()[-1]["header"]["frame"]
        reply = self.page.request.get(f"{self.site.url}gradio_api/live/frames/{frame}.png")
        assert reply.ok, reply.status
        return bytes(reply.body())


def request_in(png: bytes) -> Request:
    """The request that a PNG of ours holds."""
    with Image.open(BytesIO(png)) as picture:
        assert picture.format == "PNG"
        return provenance.request_from(str(picture.info["klein-live"]))
