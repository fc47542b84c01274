"""What the page says of how pictures leave."""

import pytest

from klein_ui.contract import Pixels
from klein_ui.provenance.export import Exporter
from klein_ui.safety import Gate, Verdict


def check(pixels: Pixels) -> Verdict:
    return Verdict(True, "", 0.0)


@pytest.mark.parametrize(
    ("exporter", "said"),
    [
        (Exporter(), "No safety check looks at pictures here."),
        (Exporter(Gate(check)), "A safety check looks at every picture before it is saved."),
        (Exporter(Gate(required=True)), "Nothing can be saved: a safety check is demanded here"),
    ],
)
def test_the_page_says_who_looks(exporter: Exporter, said: str) -> None:
    assert exporter.about().startswith(said)


def test_the_page_says_what_is_in_a_file() -> None:
    assert "not signed and carry no mark" in Exporter().about()
    assert "carry an invisible mark" in Exporter(watermark=True).about()
