"""The routes for programs, with a real ASGI client over a scripted engine."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from klein_ui import provenance
from klein_ui.contract import Pixels, Request
from klein_ui.limits import CALLS, GENEROUS, Limits
from klein_ui.models import POSTCARD
from klein_ui.provenance.export import Exporter
from klein_ui.safety import gate
from klein_ui.ui import api_calls, api_forms, api_routes, programs
from klein_ui.ui.api_routes import FRAME
from klein_ui.ui.owners import COOKIE
from klein_ui.ui.services import Services

from .browsing import app_of

V1 = programs.ROOT
SMALL: dict[str, Any] = {"prompt": "a red sun", "width": 128, "height": 128}


def client_of(services: Services, host: str = "testclient") -> TestClient:
    served = app_of(api_routes.routes(services), is_public=services.settings.is_public)
    return TestClient(served, client=(host, 1))


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def png(pixels: Pixels | None = None) -> bytes:
    out = io.BytesIO()
    shape = (96, 128, 3)
    shown = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(shown if pixels is None else pixels).save(out, "PNG")
    return out.getvalue()


def request_in(body: bytes) -> Request:
    with Image.open(io.BytesIO(body)) as picture:
        return provenance.request_from(picture.info[provenance.CHUNK])


def refused(reply: Any, status: int, field: str | None = None) -> str:
    assert reply.status_code == status, reply.text
    said = reply.json()
    assert said.get("field") == field
    assert said["sentence"].endswith(".")
    return str(said["sentence"])


def edit(
    client: TestClient, fields: object, images: int = 1, mask: bytes | None = None, **more: Any
) -> Any:
    files: list[tuple[str, Any]] = [("image", (f"{n}.png", png())) for n in range(images)]
    files += [("mask", ("mask.png", mask))] if mask else []
    return client.post(f"{V1}/edit", data={"request": json.dumps(fields), **more}, files=files)


def lines(reply: Any) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


def test_a_picture_holds_its_request(client: TestClient) -> None:
    reply = client.post(f"{V1}/generate", json={**SMALL, "seed": 7, "steps": 2})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/png"
    assert "a-red-sun-7.png" in reply.headers["content-disposition"]
    made = request_in(reply.content)
    assert (made.prompt, made.seed, made.width, made.steps) == ("a red sun", 7, 128, 2)


def test_a_picture_comes_in_the_format_that_is_asked_for(client: TestClient) -> None:
    for kind in ("webp", "jpeg"):
        reply = client.post(f"{V1}/generate", json={**SMALL, "as": kind})
        assert reply.headers["content-type"] == f"image/{kind}"
    refused(client.post(f"{V1}/generate", json={**SMALL, "as": "gif"}), 422, "as")


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({}, "prompt", "say in it what the picture shows"),
        ({"promt": "sun"}, "promt", "There is no field “promt” here; give some of prompt, seed"),
        ({"prompt": 7}, "prompt", "must be text"),
        ({"prompt": "sun", "seed": -1}, "seed", "whole number from 0"),
        ({"prompt": "sun", "width": 100}, "width", "whole number from 128"),
        ({"prompt": "sun", "references": [{"digest": "x"}]}, "references", "named wrongly"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(
    client: TestClient, fields: dict[str, object], field: str, says: str
) -> None:
    for name in ("generate", "stream", "variations"):
        assert says in refused(client.post(f"{V1}/{name}", json=fields), 422, field)
    if fields.get("references") is None:
        assert says in refused(edit(client, fields), 422, field)


def test_an_edit_looks_at_its_images(client: TestClient, services: Services) -> None:
    said = [{"role": "the subject"}, {"role": "style", "strength": 0.5}]
    reply = edit(client, {**SMALL, "prompt": "at night", "images": said}, 2, png())
    assert reply.status_code == 200, reply.text
    made = request_in(reply.content)
    first, second = made.references
    assert (first.role, second.role, second.strength) == ("the subject", "style", 0.5)
    assert made.mask == first.digest
    assert services.pictures.get(first.digest).shape == (96, 128, 3)


def test_an_edit_may_come_as_any_picture_the_gallery_takes(client: TestClient) -> None:
    out = io.BytesIO()
    Image.new("RGB", (80, 80), "red").save(out, "GIF")
    reply = client.post(
        f"{V1}/edit",
        data={"request": json.dumps(SMALL)},
        files={"image": ("x.png", out.getvalue())},
    )
    assert "GIF images cannot be read here" in refused(reply, 422)


def test_what_is_no_edit_says_what_one_is(client: TestClient) -> None:
    at = f"{V1}/edit"
    assert refused(client.post(at, json=SMALL), 415) == api_forms.NO_FORM
    broken = {"Content-Type": "multipart/form-data"}
    assert refused(client.post(at, content=b"x", headers=broken), 422) == api_forms.NO_FORM
    assert refused(edit(client, [], 1), 422, "request") == api_forms.NO_JSON
    assert refused(edit(client, {**SMALL, "images": 7}), 422, "images") == api_forms.NO_IMAGES
    too_many_said = {**SMALL, "images": [{}, {}]}
    assert refused(edit(client, too_many_said), 422, "images") == api_forms.NO_IMAGES
    no_images = client.post(at, files={"request": (None, json.dumps(SMALL))})
    assert refused(no_images, 422, "image") == api_calls.NO_IMAGE
    refused(edit(client, SMALL, 1, None, colour="x"), 422, "colour")
    refused(edit(client, SMALL, POSTCARD.max_references + 1), 422, "image")
    refused(edit(client, {**SMALL, "images": [{"rôle": "x"}]}), 422, "rôle")


def test_an_image_is_kept_for_many_calls(client: TestClient) -> None:
    digest = client.post(f"{V1}/images", content=png()).json()["digest"]
    references = [{"digest": digest, "role": "style"}]
    reply = client.post(f"{V1}/generate", json={**SMALL, "references": references})
    assert [one.digest for one in request_in(reply.content).references] == [digest]
    framed = client.post(f"{V1}/images", params={"frame": reply.headers[FRAME]})
    assert framed.json()["made_by"]


def test_a_stream_ends_with_the_full_picture(client: TestClient) -> None:
    told = lines(client.post(f"{V1}/stream", json={**SMALL, "width": 256, "height": 256}))
    assert {line["type"] for line in told} == {"frame"}
    assert [line["stage"] for line in told if line["stage"] == "final"] == ["final"]
    last = told[-1]
    assert (last["stage"], last["width"], last["seed"]) == ("final", 256, 0)
    with Image.open(io.BytesIO(base64.b64decode(last["data"]))) as picture:
        assert picture.size == (256, 256)
    assert client.get(f"{V1}/frames/{last['frame']}").status_code == 200


def test_a_stream_that_fails_says_so_in_its_last_line(client: TestClient) -> None:
    (line,) = lines(client.post(f"{V1}/stream", json={**SMALL, "prompt": "boom"}))
    assert line["type"] == "error"
    assert "type something else" in line["sentence"]


def test_variations_are_the_seeds_asked_for(client: TestClient) -> None:
    counted = lines(client.post(f"{V1}/variations", json={**SMALL, "seed": 2**32 - 1, "count": 3}))
    assert sorted(line["seed"] for line in counted) == [0, 1, 2**32 - 1]
    named = lines(client.post(f"{V1}/variations", json={**SMALL, "seeds": [5, 9, 5]}))
    assert sorted(line["seed"] for line in named) == [5, 9]
    assert len(lines(client.post(f"{V1}/variations", json=SMALL))) == 4
    for count in (0, 9, True, "2"):
        refused(client.post(f"{V1}/variations", json={**SMALL, "count": count}), 422, "count")
    for wrong in ([], [1] * 9, [-1], ["1"], 5):
        refused(client.post(f"{V1}/variations", json={**SMALL, "seeds": wrong}), 422, "seeds")


def test_a_variation_that_fails_is_a_line_of_its_own(client: TestClient) -> None:
    told = lines(client.post(f"{V1}/variations", json={**SMALL, "prompt": "boom", "count": 2}))
    assert [(line["type"], line["seed"]) for line in told] == [("error", 0), ("error", 1)]


def test_a_frame_leaves_in_any_format_with_its_request(client: TestClient) -> None:
    name = client.post(f"{V1}/generate", json=SMALL).headers[FRAME]
    assert (
        request_in(client.post(f"{V1}/export", json={"frame": name}).content).prompt == "a red sun"
    )
    made = client.post(f"{V1}/export", json={"request": SMALL, "as": "webp", "sidecar": True})
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert any(name.endswith(".webp") for name in archive.namelist())
        assert "manifest.json" in archive.namelist()
    for body, field in (
        ({}, "frame"),
        ({"frame": name, "request": SMALL}, "frame"),
        ({"frame": 7}, "frame"),
        ({"request": []}, "request"),
        ({"frame": name, "as": "tiff"}, "as"),
        ({"frame": name, "sidecar": "yes"}, "sidecar"),
        ({"frame": name, "size": 3}, "size"),
    ):
        refused(client.post(f"{V1}/export", json=body), 422, field)
    refused(client.post(f"{V1}/export", json={"frame": "nothing"}), 404)
    refused(client.get(f"{V1}/frames/nothing"), 404)


def test_a_program_pins_to_the_boards_of_this_machine(client: TestClient) -> None:
    name = client.post(f"{V1}/generate", json=SMALL).headers[FRAME]
    pin = client.post(f"{V1}/pin", json={"frame": name}).json()
    other = client.post(f"{V1}/pin", json={"request": {**SMALL, "seed": 3}}).json()
    (board,) = client.get(f"{V1}/boards").json()["boards"]
    assert (board["id"], board["pins"]) == (pin["board"], 2)
    listed = client.get(f"{V1}/boards/{board['id']}/pins").json()
    assert [one["id"] for one in listed["pins"]] == [pin["id"], other["id"]]
    archive = client.post(f"{V1}/export", json={"board": board["id"], "as": "zip"})
    assert archive.headers["content-type"] == "application/zip"
    for missing in ({"pins": [pin["id"], "x"]}, {"board": "x"}):
        said = refused(client.post(f"{V1}/export", json={**missing, "as": "zip"}), 404)
        assert "no longer there; list the" in said
    said = refused(client.post(f"{V1}/export", json={"pins": [], "as": "zip"}), 422)
    assert "“pins” or a “board”" in said
    refused(client.post(f"{V1}/pin", json={"frame": name, "board": 7}), 422, "board")
    refused(client.post(f"{V1}/pin", json={"frame": name, "board": "x"}), 404)


def test_whose_boards_they_are(services: Services) -> None:
    def boards(served: Services, **headers: str) -> Any:
        with client_of(served) as asking:
            return asking.get(f"{V1}/boards", headers=headers)

    with client_of(services) as client:
        client.post(f"{V1}/pin", json={"request": SMALL})
    guarded = replace(services, settings=replace(services.settings, token="t" * 16))
    with client_of(guarded) as client:
        client.post(f"{V1}/pin", json={"request": SMALL})
        client.post(f"{V1}/pin", json={"request": {**SMALL, "seed": 2}})
    another = replace(services, settings=replace(services.settings, token="u" * 16))
    assert boards(services).json()["boards"][0]["pins"] == 1
    assert boards(guarded).json()["boards"][0]["pins"] == 2
    assert boards(another).json()["boards"] == []
    assert boards(services, Cookie=f"{COOKIE}={'m' * 32}").json()["boards"] == []
    public = replace(services, settings=replace(services.settings, open=True))
    assert refused(boards(public), 403) == programs.NOBODY
    assert refused(boards(public, Cookie=f"{COOKIE}={'m' * 32}"), 403) == programs.NOBODY


def test_the_rates_are_those_of_the_page(services: Services) -> None:
    served = replace(services, limits=Limits(lambda: 0.0))
    with client_of(served, "127.0.0.1") as client:
        for _ in range(CALLS.burst * GENEROUS - 3):
            served.limits.wait_s(CALLS, "127.0.0.1")
        reply = client.post(f"{V1}/variations", json={**SMALL, "count": 4})
        assert "You ask for pictures faster than this server takes them" in refused(reply, 429)
        assert reply.headers["retry-after"] == "1"
        for name in ("generate", "edit", "stream"):
            refused(client.post(f"{V1}/{name}", json=SMALL), 429)


def test_nothing_is_said_to_programs_that_the_safety_check_keeps(services: Services) -> None:
    served = replace(services, exporter=Exporter(gate=gate(None, required=True)))
    with client_of(served) as client:
        refused(client.post(f"{V1}/generate", json=SMALL), 503)
        for name in ("stream", "variations"):
            told = lines(client.post(f"{V1}/{name}", json={**SMALL, "width": 256}))
            assert {line["type"] for line in told} == {"error"}


def test_a_foreign_page_gets_nothing(client: TestClient) -> None:
    elsewhere = {"Origin": "https://elsewhere.example"}
    for name in ("generate", "edit", "stream", "variations", "export", "pin", "images"):
        refused(client.post(f"{V1}/{name}", json=SMALL, headers=elsewhere), 403)
