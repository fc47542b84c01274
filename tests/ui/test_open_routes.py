"""What was exported comes back: requests, what is different here, boards. Hostile files do not."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

from klein_ui import images, permalink, pins
from klein_ui.contract import Blend, Lora, Reference, Request
from klein_ui.provenance import archive, reading
from klein_ui.provenance.entries import Card
from klein_ui.provenance.export import Exported, Format
from klein_ui.provenance.record import BOARD_CHUNK, CHUNK, Record, record_json
from klein_ui.roles import compiled
from klein_ui.ui import open_routes, opened, rebuilt, saving
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.board_routes import NOBODY
from klein_ui.ui.export_routes import EXPORT_PATH
from klein_ui.ui.open_routes import OPEN_PATH
from klein_ui.ui.services import Services
from klein_ui.uploads import digest_of

from ..kept import noise
from .exporting import OTHER, client_of, made, owner, pinned, pixels_of, requests

REQUEST = Request("a cup", 7, 128, 160, 4, 1.0, "postcard")
NEVER = "0" * 64


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as found:
        yield found


def exported(services: Services, prompt: str, kind: Format = Format.PNG) -> Exported:
    return services.exporter.export(made(services, prompt), kind)


def png_of(request: Request) -> bytes:
    """A PNG that says of itself that `request` made it."""
    return images.png(noise(1, 128, 160), {CHUNK: record_json(Record(request))})


def notes_of(client: TestClient, request: Request) -> list[str]:
    reply = client.post(OPEN_PATH, content=png_of(request))
    assert reply.status_code == 200, reply.text
    found: list[str] = reply.json()["notes"]
    return found


def test_a_png_gives_its_request_back(client: TestClient, services: Services) -> None:
    found = exported(services, "sun")
    reply = client.post(OPEN_PATH, content=found.data)
    (request,) = reply.json()["requests"]
    assert reply.json()["notes"] == []
    assert {name: request[name] for name in ("prompt", "seed", "width", "height", "steps")} == {
        "prompt": "sun",
        "seed": 0,
        "width": 128,
        "height": 160,
        "steps": 4,
    }


@pytest.mark.parametrize("kind", [Format.JPEG, Format.WEBP])
def test_a_lossy_picture_with_its_json(
    client: TestClient, services: Services, kind: Format
) -> None:
    found = exported(services, "sun", kind)
    assert found.sidecar is not None
    files = {"picture": (found.name, found.data), "sidecar": ("s.json", found.sidecar)}
    reply = client.post(OPEN_PATH, files=files)
    assert [one["prompt"] for one in reply.json()["requests"]] == ["sun"]
    alone = client.post(OPEN_PATH, content=found.sidecar)
    assert [one["prompt"] for one in alone.json()["requests"]] == ["sun"]
    without = client.post(OPEN_PATH, content=found.data)
    assert (without.status_code, without.json()) == (422, {"sentence": reading.NO_SIDECAR})
    other = exported(services, "moon", kind)
    wrong = client.post(OPEN_PATH, files={**files, "picture": (other.name, other.data)})
    assert (wrong.status_code, wrong.json()) == (422, {"sentence": reading.OTHER_PICTURE})


def test_a_pair_that_is_unpacked_comes_back_by_the_manifest(
    client: TestClient, services: Services
) -> None:
    name = services.shelf.put(made(services, "sun"))
    at = saving.FRAME_PATH.format(name=name)
    packed = client.get(at, params={"format": "webp", "sidecar": "1"}).content
    with zipfile.ZipFile(io.BytesIO(packed)) as unpacked:
        files = {one: unpacked.read(one) for one in unpacked.namelist()}
    manifest = files.pop("manifest.json")
    (picture,) = files.values()
    reply = client.post(
        OPEN_PATH, files={"picture": ("a.webp", picture), "sidecar": ("manifest.json", manifest)}
    )
    assert [one["prompt"] for one in reply.json()["requests"]] == ["sun"]


def test_what_is_different_here_is_said(client: TestClient) -> None:
    assert notes_of(client, REQUEST) == []
    assert notes_of(client, replace(REQUEST, model="klein-9b")) == [
        opened.OTHER_MODEL.format(theirs="klein-9b", ours="postcard")
    ]
    assert notes_of(client, replace(REQUEST, loras=(Lora("ink"),))) == [
        opened.NO_LORA.format(name="ink")
    ]
    missing = replace(REQUEST, references=(Reference(NEVER),), mask=NEVER)
    assert notes_of(client, missing) == [opened.NO_IMAGE.format(number=1), opened.NO_REGION]
    for odd in (replace(REQUEST, width=129), replace(REQUEST, steps=99_999)):
        (note,) = notes_of(client, odd)
        assert note.endswith(".")
    assert notes_of(client, replace(REQUEST, keep_background=True)) == [opened.OTHERWISE]


def test_a_blend_comes_back_as_one(client: TestClient) -> None:
    png = images.png(noise(1), {CHUNK: record_json(Record(blended()))})
    (found,) = client.post(OPEN_PATH, content=png).json()["requests"]
    assert found["notes"] == []
    assert found["blend"] == {"prompt": "a jug", "seed": 3, "share": 0.25}


def blended() -> Request:
    return replace(REQUEST, blend=Blend("a jug", 3, 0.25))


def test_references_come_back_with_what_was_typed(client: TestClient, services: Services) -> None:
    digest = services.pictures.put(noise(3, 160, 120))
    assert digest == digest_of(noise(3, 160, 120))
    looked_at = (Reference(digest, "style", 0.5),)
    request = replace(
        REQUEST,
        prompt=compiled("a red cup", looked_at),
        references=looked_at,
        reference_area=services.row.reference_area,
    )
    reply = client.post(OPEN_PATH, content=png_of(request)).json()
    (found,) = reply["requests"]
    assert (found["prompt"], found["roles"], reply["notes"]) == ("a red cup", True, [])
    assert found["references"] == [
        {
            "digest": digest,
            "role": "style",
            "strength": 0.5,
            "made_by": "",
            "width": 160,
            "height": 120,
        }
    ]


def test_a_board_comes_back_picture_for_picture(client: TestClient, services: Services) -> None:
    pins = pinned(services, "sun", "moon")
    services.moodboard.edit(owner(), pins[0].id, title="Noon", note="n", tags=["t"], star=True)
    services.moodboard.rename_board(owner(), pins[0].board, "Hours")
    body = client.post(EXPORT_PATH, json={"board": pins[0].board, "as": "zip"}).content
    listed = client.post(OPEN_PATH, content=body).json()
    assert (listed["is_board"], listed["title"]) == (True, "Hours")
    assert [one["prompt"] for one in listed["requests"]] == ["sun", "moon"]

    answer = client.post(f"{OPEN_PATH}?board=1", content=body).json()
    board = answer["board"]
    assert (board["title"], board["pins"], answer["notes"]) == ("Hours 2", 2, [])
    again = services.moodboard.pins(owner(), board["id"])
    assert requests(list(again)) == requests(pins)
    assert (again[0].title, again[0].note, again[0].tags, again[0].star) == (
        "Noon",
        "n",
        ("t",),
        True,
    )
    for old, new in zip(pins, again, strict=True):
        before, after = (services.moodboard.picture(owner(), pin.id) for pin in (old, new))
        assert np.array_equal(pixels_of(before), pixels_of(after))


@pytest.mark.parametrize("kind", ["sheet.png", "jpeg", "webp"])
def test_without_lossless_pictures_they_are_made_again(
    client: TestClient, services: Services, kind: str
) -> None:
    pins = pinned(services, "sun", "moon")
    strange = replace(made(services, "sea").request, model="klein-9b")
    frame = replace(made(services, "sea"), request=strange)
    services.moodboard.pin(owner(), frame, pins[0].board)
    body = client.post(EXPORT_PATH, json={"board": pins[0].board, "as": kind}).content
    answer = client.post(f"{OPEN_PATH}?board=1", content=body).json()
    again = services.moodboard.pins(owner(), answer["board"]["id"])
    assert requests(list(again)) == requests(pins)
    assert answer["notes"] == [
        rebuilt.MADE_AGAIN.format(count=2, all=3),
        rebuilt.LEFT_OUT.format(count=1, all=3),
    ]
    for old, new in zip(pins, again, strict=True):
        before, after = (services.moodboard.picture(owner(), pin.id) for pin in (old, new))
        assert np.array_equal(pixels_of(before), pixels_of(after))


def test_a_board_of_which_nothing_can_be_made_leaves_no_board(
    client: TestClient, services: Services
) -> None:
    frame = made(services, "sea")
    strange = replace(frame, request=replace(frame.request, model="klein-9b"))
    found = services.exporter.export(strange, Format.JPEG)
    body = b"".join(archive.written([found.item(Card("x" * 900))], "Board"))
    reply = client.post(f"{OPEN_PATH}?board=1", content=body)
    assert (reply.status_code, reply.json()) == (422, {"sentence": rebuilt.NONE})
    assert services.moodboard.boards(owner()) == ()


def test_cards_longer_than_a_pin_holds_are_cut(client: TestClient, services: Services) -> None:
    found = exported(services, "sun")
    card = Card("x" * 900, "y" * 7000, tuple(f"tag {number}" for number in range(40)), "z" * 300)
    body = b"".join(archive.written([found.item(card)], "B" * 900))
    board = client.post(f"{OPEN_PATH}?board=1", content=body).json()["board"]
    (pin,) = services.moodboard.pins(owner(), board["id"])
    assert (pin.title, len(pin.note), len(pin.tags), len(pin.role)) == ("x" * 200, 5000, 20, 80)


def test_a_picture_of_another_size_than_it_says_is_left_out(
    client: TestClient, services: Services
) -> None:
    found = exported(services, "sun")
    larger = replace(found.record, request=replace(found.record.request, width=256))
    items = [found.item(), replace(found.item(), record=larger)]
    body = b"".join(archive.written(items, "Board"))
    answer = client.post(f"{OPEN_PATH}?board=1", content=body).json()
    assert answer["board"]["pins"] == 1
    assert answer["notes"] == [rebuilt.LEFT_OUT.format(count=1, all=2)]


def test_boards_are_for_those_who_are_known(client: TestClient, services: Services) -> None:
    body = b"".join(archive.written([exported(services, "sun").item()], "Board"))
    with client_of(services, "") as program:
        reply = program.post(f"{OPEN_PATH}?board=1", content=body)
        assert (reply.status_code, reply.json()) == (403, {"sentence": NOBODY})
        assert program.post(OPEN_PATH, content=body).status_code == 200
    client.post(f"{OPEN_PATH}?board=1", content=body)
    with client_of(services, OTHER) as other:
        assert other.post(OPEN_PATH, content=body).status_code == 200
    assert len(services.moodboard.boards(owner())) == 1
    foreign = client.post(OPEN_PATH, content=body, headers={"Origin": "https://else.example"})
    assert (foreign.status_code, foreign.json()) == (403, {"sentence": FOREIGN_PAGE})


HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "a PDF": b"%PDF-1.7 " + b"x" * 200,
    "a PNG without a request": images.png(noise(1), {}),
    "JSON of another kind": json.dumps({"schema": 1, "request": 7}).encode(),
    "JSON nested deeply": b'{"a":' * 20_000,
    "a later schema": json.dumps({"schema": 2, "request": {}}).encode(),
    "half an archive": b"PK\x03\x04" + b"\0" * 200,
    "a sheet that says nothing": images.png(noise(1), {BOARD_CHUNK: "{}"}),
    "a sheet of no pictures": images.png(
        noise(1), {BOARD_CHUNK: '{"schema": 1, "title": "", "entries": []}'}
    ),
    "a sheet of wrong types": images.png(
        noise(1), {BOARD_CHUNK: '{"schema": 1, "title": 3, "entries": [{}]}'}
    ),
    "a mebibyte of text": images.png(noise(1), {CHUNK: "x" * (2**20 + 1)}),
    "a prompt that is too long": png_of(replace(REQUEST, prompt="x" * 2001)),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("query", ["", "?board=1"])
def test_hostile_files_are_one_sentence(
    client: TestClient, services: Services, body: bytes, query: str
) -> None:
    reply = client.post(f"{OPEN_PATH}{query}", content=body)
    assert reply.status_code == 422
    assert reply.json()["sentence"].endswith(".")
    assert services.moodboard.boards(owner()) == ()


def test_too_large_files_are_not_read_to_the_end(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_routes, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(open_routes, "MAX_ARCHIVE_BYTES", 1000)
    for head, sentence in (
        (b"\x89PNG\r\n\x1a\n", open_routes.TOO_LARGE),
        (b"PK\x03\x04", open_routes.TOO_LARGE_ARCHIVE),
    ):
        reply = client.post(OPEN_PATH, content=head + b"x" * 2000)
        assert (reply.status_code, reply.json()) == (413, {"sentence": sentence})


def test_a_link_of_the_picture_on_screen_and_back(client: TestClient, services: Services) -> None:
    frame = made(services, "a <b>red</b> sun & “moon” 🌋", 77)
    at = saving.LINK_PATH.format(name=services.shelf.put(frame))
    link = client.get(at).json()
    assert link["notes"] == []
    reply = client.get(f"{OPEN_PATH}?{link['query']}&__theme=dark").json()
    (found,) = reply["requests"]
    assert (found["prompt"], found["seed"]) == (frame.request.prompt, 77)
    assert (found["width"], found["height"], reply["notes"]) == (128, 160, [])


def test_a_link_leaves_images_out_and_says_so(client: TestClient, services: Services) -> None:
    request = replace(REQUEST, references=(Reference(NEVER, "style"),), prompt="a cup")
    name = services.shelf.promise(request)
    link = client.get(saving.LINK_PATH.format(name=name)).json()
    assert NEVER not in link["query"]
    assert link["notes"] == [saving.WITHOUT_IMAGES]
    gone = client.get(saving.LINK_PATH.format(name="0" * 32))
    assert gone.status_code == 404


WRONG = (
    "z=AAAA",
    "z=%F0",
    "seed=x&prompt=a",
    "guidance_scale=a",
    "lora=x",
    "seed=99999999999999999999",
    "prompt=" + "x" * 2001,
    "prompt=" + "x" * 13_000,
)


@pytest.mark.parametrize("query", WRONG)
def test_wrong_links_are_one_sentence(client: TestClient, query: str) -> None:
    reply = client.get(f"{OPEN_PATH}?{query}")
    assert reply.status_code == 422
    assert reply.json()["sentence"].endswith(".")


def test_a_link_of_another_model_or_size_is_drawn_as_it_can_be(client: TestClient) -> None:
    query = permalink.query(replace(REQUEST, model="klein-9b", width=4096, loras=(Lora("ink"),)))
    reply = client.get(f"{OPEN_PATH}?{query}").json()
    (found,) = reply["requests"]
    assert (found["model"], found["width"], found["loras"]) == ("postcard", 256, [])
    assert len(reply["notes"]) == 3


def test_what_was_pinned_stays_when_the_disk_is_full(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(services, "one", "two", "three", board="")
    (board,) = services.moodboard.boards(owner())
    packed = client.post(EXPORT_PATH, json={"board": board.id, "as": "zip"}).content
    full = services.moodboard.pins(owner(), board.id)[:2]
    monkeypatch.setattr(services.moodboard, "_bounds", pins.Bounds(pins=len(full) + 3))
    answer = client.post(f"{OPEN_PATH}?board=1", content=packed).json()
    assert answer["board"]["pins"] == 2
    (note,) = answer["notes"]
    assert note.startswith("2 of 3 pictures were pinned. ")
