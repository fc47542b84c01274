"""How the app is, as those who watch over it are told; and its figures."""

import sys
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from klein_ui.contract import EngineFailed
from klein_ui.dispatcher import RESTARTING, Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.figures import Count
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.ui import diagnostics, health_routes, metrics
from klein_ui.ui.services import Services
from tests.stepping import LONG_S, Ears, asked


def getting(services: Services) -> TestClient:
    routes = [
        *health_routes.routes(services),
        *diagnostics.routes(services),
        *metrics.routes(services),
    ]
    return TestClient(Starlette(routes=routes))


def ready(services: Services) -> TestClient:
    ears = Ears()
    services.dispatcher.open("ready", ears)
    ears.phase("ready")
    services.dispatcher.close("ready")
    return getting(services)


def test_all_is_well_while_a_model_is_there(services: Services) -> None:
    client = ready(services)
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert answer.headers["cache-control"] == "no-store"


def test_a_model_that_does_not_load_is_alive_and_not_ready(services: Services) -> None:
    def load(report: object) -> FakeEngine:
        raise EngineFailed("The hub cannot be reached; connect and type again.")

    dispatcher = Dispatcher(Source(POSTCARD, load), PacingSettings())
    ears = Ears()
    dispatcher.open("a", ears)
    dispatcher.start()
    ears.phase("failed")
    client = getting(replace(services, dispatcher=dispatcher))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "The hub cannot be reached; connect and type again."
    dispatcher.stop()


def test_who_drains_is_alive_and_not_ready(services: Services) -> None:
    client = ready(services)
    assert services.dispatcher.drain(LONG_S)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": RESTARTING})


def test_diagnostics_tell_all_but_what_anybody_typed(services: Services) -> None:
    client = ready(services)
    services.dispatcher.render(asked("zanzibar").request).result(LONG_S)
    answer = client.get(diagnostics.PATH)
    told = answer.json()
    assert told["model"] == {
        "name": POSTCARD.title,
        "memory": "auto",
        "revision": "fake",
        "device": "cpu",
        "dtype": "uint8",
        "execution": "eager",
    }
    assert told["counts"]["renders"] == 1
    assert told["times"]["render"] == {"p50": 0.0, "p95": 0.0, "count": 1}
    assert told["sessions"] == {"open": 0, "waiting": 0}
    assert told["memory"]["process"] > 2**20
    assert told["versions"]["python"] == sys.version.split()[0]
    assert "zanzibar" not in answer.text


def test_there_are_no_metrics_unless_asked_for(services: Services) -> None:
    assert getting(services).get("/metrics").status_code == 404


def test_metrics_have_the_queue_the_stages_the_hits_and_the_memory(services: Services) -> None:
    pytest.importorskip("prometheus_client", reason="pip install -r requirements-metrics.txt")
    ready(services)
    client = getting(replace(services, settings=replace(services.settings, metrics=True)))
    services.dispatcher.render(asked("zanzibar").request).result(LONG_S)
    text = client.get("/metrics").text
    lines = text.splitlines()
    for line in (
        "klein_renders_total 1.0",
        "klein_superseded_total 0.0",
        "klein_cache_hits_total 0.0",
        "klein_waiting 0.0",
        "klein_ready 1.0",
        'klein_render_stage_seconds_bucket{le="+Inf",stage="denoise"} 1.0',
        "klein_key_to_frame_seconds_count 1.0",
    ):
        assert line in lines
    assert any(line.startswith("klein_resident_bytes ") for line in lines)
    assert "zanzibar" not in text


def test_without_the_package_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics.check(wanted=False)
    with pytest.raises(EngineFailed, match="requirements-metrics"):
        metrics.check(wanted=True)


def test_all_that_is_counted_is_described() -> None:
    assert metrics.HELP.keys() == set(Count)
