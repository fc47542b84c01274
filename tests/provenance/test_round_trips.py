"""A thousand generated requests, of any Unicode, out as PNG, ZIP and signed, and back as equal."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from klein_ui.contract import Request
from klein_ui.provenance import archive, signing
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.reading import read
from tests.provenance.generated import frame, requests

THOUSAND = settings(
    max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Exporter:
    """Signs with a key of its own, where c2pa-python is installed."""
    if importlib.util.find_spec("c2pa") is None:
        pytest.skip("needs c2pa-python: pip install -r requirements-provenance.txt")
    folder: Path = tmp_path_factory.mktemp("keys")
    return Exporter(signer=signing.opened(folder / signing.FOLDER), must_sign=True)


@THOUSAND
@given(requests)
def test_png_and_zip_give_back_the_very_request(request: Request) -> None:
    exported = Exporter().export(frame(request))
    assert read(exported.data).requests == (request,)
    assert read(b"".join(archive.written([exported.item()], "a board"))).requests == (request,)


@THOUSAND
@given(request=requests)
def test_a_signed_png_gives_back_the_very_request(exporter: Exporter, request: Request) -> None:
    exported = exporter.export(frame(request))
    assert read(exported.data).requests == (request,)
    assert signing.state(exported.data, exported.mime) != ""
    assert read(b"".join(archive.written([exported.item()], "a board"))).requests == (request,)
