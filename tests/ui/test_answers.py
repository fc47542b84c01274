"""Answers: another site's page gets none, whatever it asks with."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from klein_ui.ui import answers
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.services import Services


async def handler(services: Services, request: HTTPRequest) -> Response:
    return JSONResponse({"done": request.method})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_only_the_apps_own_page_is_answered(services: Services, method: str) -> None:
    client = TestClient(Starlette(routes=[answers.route("/it", handler, services, method)]))
    for origin in ("https://elsewhere.example", "null", "http://testserver.example"):
        foreign = client.request(method, "/it", headers={"Origin": origin})
        assert (foreign.status_code, foreign.json()) == (403, {"sentence": FOREIGN_PAGE})
    for headers in ({}, {"Origin": "http://testserver"}):
        assert client.request(method, "/it", headers=headers).json() == {"done": method}
    outer = {"Origin": "https://outer.example", "X-Forwarded-Host": "outer.example"}
    assert client.request(method, "/it", headers=outer).status_code == 200
