"""Whose address counts, behind the proxies of a Space and without."""

import pytest

from klein_ui.ui.addresses import visitor

INNER = "10.16.3.4"
ANN, FAKE = "93.184.216.34", "8.8.8.8"


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        (INNER, [ANN], ANN),
        (INNER, [f"{FAKE}, {ANN}"], ANN),
        (INNER, [FAKE, ANN], ANN),
        (INNER, [f"{FAKE}, {ANN}, 10.1.1.1"], ANN),
        ("::ffff:10.16.3.4", [ANN], ANN),
        ("127.0.0.1", [f" {ANN}:4711 "], ANN),
        ("fd00::1", ["[2001:4860::8888]:443"], "2001:4860::8888"),
        (INNER, ["2001:4860::8888"], "2001:4860::8888"),
        # Nobody was named, or nothing that is an address.
        (INNER, [], INNER),
        (INNER, [""], INNER),
        (INNER, [f"{FAKE}, unknown"], INNER),
        (INNER, [f"{FAKE}, "], INNER),
        # Within the place itself, the last hop is the one that a proxy saw.
        (INNER, ["10.9.9.9, 10.2.2.2"], "10.2.2.2"),
        # Who comes past any proxy says what they like.
        (ANN, [FAKE], ANN),
        ("testclient", [FAKE], "testclient"),
        ("", [FAKE], ""),
    ],
)
def test_a_visitor_is_the_last_that_no_proxy_is(peer: str, forwarded: list[str], who: str) -> None:
    assert visitor(peer, forwarded) == who
