"""The description of the routes for programs says what they are and what they allow."""

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from klein_ui import limits, uploads, validate
from klein_ui.contract import InvalidRequest
from klein_ui.models import KLEIN_4B, POSTCARD, ModelRow
from klein_ui.ui import (
    api_document,
    api_fields,
    api_forms,
    api_routes,
    programs,
    tool_schemas,
    tools,
)
from klein_ui.ui.services import Services

from ..started import ROOT

GUIDED = replace(KLEIN_4B, guidance_scale=4.0, max_guidance_scale=8.0)
ROWS = (POSTCARD, KLEIN_4B, GUIDED)
DIGEST = "a" * 64


def operations(row: ModelRow) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (way.upper(), path): told
        for path, ways in api_document.document(row)["paths"].items()
        for way, told in ways.items()
    }


def test_it_names_the_routes_there_are_and_no_others(services: Services) -> None:
    there = {
        (method, route.path)
        for route in api_routes.routes(services)
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert set(operations(POSTCARD)) == there


def test_it_is_served_for_the_model_of_the_moment(services: Services) -> None:
    with TestClient(Starlette(routes=api_routes.routes(services))) as client:
        served = client.get(f"{programs.ROOT}/openapi.json").json()
        model = client.get(f"{programs.ROOT}/model").json()
    assert served == json.loads(json.dumps(api_document.document(services.row)))
    assert model["limits"]["steps"] == services.row.max_steps
    assert set(model) == {"model", "limits", "defaults", "choices"}


def test_it_leads_nowhere_that_is_not_there() -> None:
    document = api_document.document(POSTCARD)
    written = json.dumps(document)
    for part in written.split('"$ref": "#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]
    named = [told["operationId"] for told in operations(POSTCARD).values()]
    assert len(named) == len(set(named))
    for (way, path), told in operations(POSTCARD).items():
        in_path = {one["name"] for one in told.get("parameters", ()) if one["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert ("requestBody" in told) == (way == "POST")


RATES = {
    "generate": limits.CALLS,
    "edit": limits.CALLS,
    "stream": limits.CALLS,
    "variations": limits.CALLS,
    "export": limits.EXPORTS,
    "pin": limits.PINS,
    "images": limits.UPLOADS,
}


def test_it_tells_the_rates_by_which_calls_are_counted(services: Services) -> None:
    for (way, path), told in operations(POSTCARD).items():
        if way != "POST":
            continue
        rate = RATES[path.rpartition("/")[2]]
        assert told["x-rate-limit"]["burst"] == rate.burst
        assert told["x-rate-limit"]["per_second"] == rate.per_s
        taken = limits.Limits(lambda: 0.0)
        for _ in range(rate.burst):
            assert taken.wait_s(rate, "9.9.9.9") == 0
        hurried = replace(services, limits=taken)
        app = Starlette(routes=api_routes.routes(hurried))
        with TestClient(app, client=("9.9.9.9", 1)) as client:
            body = {"prompt": "sun", "count": 1} if path.endswith("variations") else {}
            assert client.post(path, json=body).status_code == 429, path


def raw(row: ModelRow, **fields: object) -> dict[str, object]:
    """Fields of a picture that is small whatever one of them is."""
    small = {"width": row.min_side, "height": row.min_side}
    return {"prompt": "sun", **small, **fields}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.max_guidance_scale:g}")
def test_the_limits_it_tells_are_those_that_hold(row: ModelRow) -> None:
    fields: dict[str, Any] = {**api_fields.of_stream(row), **api_fields.of_variations(row)}
    checked = 0
    for name, schema in fields.items():
        if "minimum" not in schema or name == "count":
            continue
        step = schema.get("multipleOf", 1)
        for value in (schema["minimum"], schema["maximum"], schema["default"]):
            validate.asked(raw(row, **{name: value}), row)
        if name == "guidance_scale" and not row.is_guided:
            continue
        for value in (schema["minimum"] - step, schema["maximum"] + step):
            with pytest.raises(InvalidRequest) as refused:
                validate.asked(raw(row, **{name: value}), row)
            assert refused.value.field == name
        checked += 1
    assert checked >= 5
    longest = fields["prompt"]["maxLength"]
    validate.asked(raw(row, prompt="x" * longest), row)
    with pytest.raises(InvalidRequest):
        validate.asked(raw(row, prompt="x" * (longest + 1)), row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.max_guidance_scale:g}")
def test_the_limits_within_its_lists_are_those_that_hold(row: ModelRow) -> None:
    fields: dict[str, Any] = api_fields.of_request(row)
    most = fields["references"]["maxItems"]
    seen = fields["references"]["items"]["properties"]
    longest, strongest = seen["role"]["maxLength"], seen["strength"]["maximum"]
    one = {"digest": DIGEST, "role": "x" * longest, "strength": strongest}
    validate.asked(raw(row, references=[one] * most), row)
    lora = fields["loras"]["items"]["properties"]
    chosen = [
        {"name": f"{n}" * lora["name"]["maxLength"], "scale": lora["scale"]["maximum"]}
        for n in range(fields["loras"]["maxItems"])
    ]
    validate.asked(raw(row, loras=chosen), row)
    blend = fields["blend"]["properties"]
    validate.asked(raw(row, blend={"prompt": "sea", "share": blend["share"]["maximum"]}), row)
    for wrong in (
        {"references": [one] * (most + 1)},
        {"references": [{**one, "role": "x" * (longest + 1)}]},
        {"references": [{**one, "strength": strongest + 0.1}]},
        {"loras": [*chosen, {"name": "one too many"}]},
        {"loras": [{"name": "x", "scale": lora["scale"]["minimum"] - 0.1}]},
        {"blend": {"prompt": "sea", "share": blend["share"]["minimum"] - 0.1}},
    ):
        with pytest.raises(InvalidRequest):
            validate.asked(raw(row, **wrong), row)


def test_lines_of_a_stream_are_as_it_says(services: Services) -> None:
    schemas = api_document.document(services.row)["components"]["schemas"]
    with TestClient(Starlette(routes=api_routes.routes(services))) as client:
        small = {"prompt": "sun", "width": 128, "height": 128}
        told = client.post(f"{programs.ROOT}/stream", json=small).text.splitlines()
        failed = client.post(f"{programs.ROOT}/stream", json={**small, "prompt": "boom"}).text
    assert set(json.loads(told[-1])) == set(schemas["Frame"]["required"])
    error = schemas["Line"]["oneOf"][-1]
    assert set(json.loads(failed)) == set(error["required"])


def test_the_tools_have_the_same_limits() -> None:
    known = api_fields.of_request(POSTCARD)
    for _, schema in tool_schemas.of(POSTCARD).values():
        for name in ("prompt", "seed", "width", "height", "steps"):
            assert schema["properties"][name] == known[name]


def test_the_words_about_it_name_all_of_it() -> None:
    words = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for way, path in operations(POSTCARD):
        assert f"| `{way}` | `{path.removeprefix(programs.ROOT)}` |" in words, path
    fields = {**api_fields.of_stream(POSTCARD), **api_fields.of_variations(POSTCARD)}
    for name in (*fields, "images", *tool_schemas.of(POSTCARD)):
        assert f"`{name}`" in words, name
    for status in api_document.REFUSALS:
        assert f"| {status} |" in words, status
    for example in (ROOT / "docs" / "examples").iterdir():
        assert f"(examples/{example.name})" in words, example.name
    for rate, names in (
        (limits.CALLS, ("generate", "edit", "stream", "variations")),
        (limits.EXPORTS, ("export", "frames/{name}")),
        (limits.PINS, ("pin",)),
        (limits.UPLOADS, ("images",)),
    ):
        for name in names:
            (row,) = (line for line in words.splitlines() if f"` | `/{name}` |" in line)
            assert f"| {rate.burst}, {rate.per_s:g}" in row, name
    for most in (api_forms.MOST_BYTES, tools.MOST_BYTES, uploads.MAX_UPLOAD_BYTES):
        assert f"{most // 2**20} MB" in words
