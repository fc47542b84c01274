"""Boards and pins over the wire: kept, changed, arranged, deleted; seen by their owner alone."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from klein_ui import provenance
from klein_ui.contract import Frame
from klein_ui.moodboard import NO_BOARD, NO_PIN
from klein_ui.ui import board_routes, pictures, pin_routes, socket, walk_routes
from klein_ui.ui.answers import FOREIGN_PAGE, NOBODY, NOT_JSON, TOO_LONG
from klein_ui.ui.board_routes import BOARDS_PATH
from klein_ui.ui.owners import COOKIE
from klein_ui.ui.pin_routes import NO_LIST, PINS_PATH
from klein_ui.ui.services import Services

from .exporting import ME, OTHER, made, owner, pixels_of

Fields = dict[str, Any]


def client_of(services: Services, cookie: str = ME) -> TestClient:
    parts = (socket, pictures, board_routes, pin_routes, walk_routes)
    routes = [route for part in parts for route in part.routes(services)]
    return TestClient(Starlette(routes=routes), cookies={COOKIE: cookie} if cookie else {})


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def pin(client: TestClient, services: Services, prompt: str, **more: object) -> Fields:
    name = services.shelf.put(made(services, prompt))
    reply = client.post(PINS_PATH, json={"frame": name, **more})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def boards(client: TestClient) -> list[Fields]:
    return list(client.get(BOARDS_PATH).json()["boards"])


def on(client: TestClient, board: str) -> list[str]:
    """The prompts of the pins of a board."""
    reply = client.get(f"{BOARDS_PATH}/{board}/pins")
    return [each["prompt"] for each in reply.json()["pins"]]


def test_a_frame_becomes_a_pin_on_the_first_board(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    (board,) = boards(client)
    assert (board["title"], board["pins"], kept["board"]) == ("Moodboard", 1, board["id"])
    assert (kept["prompt"], kept["seed"], kept["stage"]) == ("a red sun", 0, "final")
    assert (kept["star"], kept["tags"], kept["role"], kept["blend"]) == (False, [], "", None)
    assert on(client, board["id"]) == ["a red sun"]


def test_the_pin_holds_the_very_pixels_of(client: TestClient, services: Services) -> None:
    frame = made(services, "a red sun")
    name = services.shelf.put(frame)
    kept = client.post(PINS_PATH, json={"frame": name}).json()
    (mine,) = services.moodboard.boards(owner())
    png = services.moodboard.picture(owner(), kept["id"])
    assert provenance.request_from(text_of(png)) == frame.request
    assert np.array_equal(pixels_of(png), frame.pixels)
    assert mine.pins == 1
    screen = client.get(f"{PINS_PATH}/{kept['id']}/picture.jpg")
    assert pixels_of(screen.content).shape == frame.pixels.shape
    assert "immutable" in screen.headers["cache-control"]
    small = client.get(f"{PINS_PATH}/{kept['id']}/thumbnail.webp")
    assert max(pixels_of(small.content).shape) <= 320


def test_a_frame_that_left_memory_is_made_again(client: TestClient, services: Services) -> None:
    frame = made(services, "a red sun")
    kept = client.post(PINS_PATH, json={"frame": services.shelf.promise(frame.request)}).json()
    assert np.array_equal(pixels_of(services.moodboard.picture(owner(), kept["id"])), frame.pixels)


def test_what_is_said_of_a_pin_stays(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    address = f"{PINS_PATH}/{kept['id']}"
    said = {"title": "Dawn", "note": "one\ntwo", "tags": ["sky", "Sky", "red"], "star": True}
    changed = client.patch(address, json={**said, "role": "palette"}).json()
    assert changed == {**kept, **said, "tags": ["sky", "red"], "role": "palette"}
    assert client.patch(address, json={"star": False}).json() == {**changed, "star": False}


@pytest.mark.parametrize(
    "fields",
    [
        {"star": "yes"},
        {"tags": "sky"},
        {"title": "x" * 201},
        {"note": "x" * 5001},
        {"tags": [7] * 21},
    ],
)
def test_what_cannot_be_said_is_refused(
    client: TestClient, services: Services, fields: Fields
) -> None:
    kept = pin(client, services, "a red sun")
    reply = client.patch(f"{PINS_PATH}/{kept['id']}", json=fields)
    assert reply.status_code == 422
    assert reply.json()["sentence"].endswith(".")
    (pinned_still,) = client.get(f"{BOARDS_PATH}/{kept['board']}/pins").json()["pins"]
    assert pinned_still == kept


def test_pins_are_arranged_and_moved(client: TestClient, services: Services) -> None:
    one, two, three = (pin(client, services, name) for name in ("one", "two", "three"))
    board = one["board"]
    place = f"{PINS_PATH}/place"
    assert client.post(
        place, json={"pins": [three["id"]], "board": board, "before": one["id"]}
    ).is_success
    assert on(client, board) == ["three", "one", "two"]
    other = client.post(BOARDS_PATH, json={"title": "Other"}).json()
    both = [two["id"], three["id"]]
    assert client.post(place, json={"pins": both, "board": other["id"], "before": None}).is_success
    assert on(client, board) == ["one"]
    assert on(client, other["id"]) == ["two", "three"]


def test_deleted_pins_and_boards_come_back(client: TestClient, services: Services) -> None:
    one, two = pin(client, services, "one"), pin(client, services, "two")
    board = one["board"]
    assert client.post(f"{PINS_PATH}/delete", json={"pins": [one["id"]]}).is_success
    assert on(client, board) == ["two"]
    assert client.post(f"{PINS_PATH}/restore", json={"pins": [one["id"]]}).is_success
    assert on(client, board) == ["one", "two"]
    assert client.delete(f"{BOARDS_PATH}/{board}").is_success
    assert boards(client) == []
    assert client.post(f"{BOARDS_PATH}/{board}/restore").json()["pins"] == 2
    assert client.patch(f"{BOARDS_PATH}/{board}", json={"title": "Sky"}).json()["title"] == "Sky"
    assert two["id"] != one["id"]


def test_a_pin_goes_into_the_gallery_with_its_role(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    client.patch(f"{PINS_PATH}/{kept['id']}", json={"role": "palette"})
    image = client.post(f"{PINS_PATH}/{kept['id']}/reference").json()
    assert (image["width"], image["height"], image["role"]) == (128, 160, "palette")
    maker = services.pictures.made_by(image["digest"])
    assert maker is not None
    assert image["made_by"] == provenance.request_digest(maker)


def test_the_palette_is_five_colours_at_most(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    colours = client.get(f"{PINS_PATH}/{kept['id']}/palette").json()["colours"]
    assert 1 <= len(colours) <= 5
    assert all(each["hex"].startswith("#") and 0 < each["share"] <= 1 for each in colours)


def test_a_pin_has_a_name_on_the_shelf(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    name = client.post(f"{PINS_PATH}/{kept['id']}/frame").json()["frame"]
    found = services.shelf.get(name)
    assert found is not None
    assert found.request.prompt == "a red sun"


ASKED_OF_A_PIN = (
    ("PATCH", "", {"title": "mine"}),
    ("GET", "/thumbnail.webp", None),
    ("GET", "/picture.jpg", None),
    ("GET", "/palette", None),
    ("POST", "/frame", None),
    ("POST", "/reference", None),
)


@pytest.mark.parametrize(("method", "path", "fields"), ASKED_OF_A_PIN)
def test_the_pin_of_another_is_as_if_it_were_not_there(
    client: TestClient, services: Services, method: str, path: str, fields: Fields | None
) -> None:
    kept = pin(client, services, "a red sun")
    with client_of(services, OTHER) as other:
        theirs = other.request(method, f"{PINS_PATH}/{kept['id']}{path}", json=fields)
        missing = other.request(method, f"{PINS_PATH}/{'f' * 16}{path}", json=fields)
    assert (theirs.status_code, theirs.json()) == (422, {"sentence": NO_PIN})
    assert (missing.status_code, missing.json()) == (422, {"sentence": NO_PIN})


def test_the_boards_of_another_are_out_of_reach(client: TestClient, services: Services) -> None:
    kept = pin(client, services, "a red sun")
    with client_of(services, OTHER) as other:
        assert boards(other) == []
        assert on(other, kept["board"]) == []
        for reply in (
            other.delete(f"{BOARDS_PATH}/{kept['board']}"),
            other.patch(f"{BOARDS_PATH}/{kept['board']}", json={"title": "mine"}),
            other.post(f"{BOARDS_PATH}/{kept['board']}/restore"),
        ):
            assert (reply.status_code, reply.json()) == (422, {"sentence": NO_BOARD})
        for act in ("delete", "restore"):
            reply = other.post(f"{PINS_PATH}/{act}", json={"pins": [kept["id"]]})
            assert (reply.status_code, reply.json()) == (422, {"sentence": NO_PIN})
    assert on(client, kept["board"]) == ["a red sun"]


def test_who_has_no_cookie_is_told(services: Services) -> None:
    with client_of(services, "") as program:
        assert boards(program) == []
        reply = program.post(BOARDS_PATH, json={"title": "mine"})
        assert (reply.status_code, reply.json()) == (403, {"sentence": NOBODY})


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_foreign_page_changes_nothing(
    client: TestClient, services: Services, method: str
) -> None:
    kept = pin(client, services, "a red sun")
    path = BOARDS_PATH if method == "POST" else f"{BOARDS_PATH}/{kept['board']}"
    reply = client.request(
        method, path, json={"title": "mine"}, headers={"Origin": "https://evil.example"}
    )
    assert (reply.status_code, reply.json()) == (403, {"sentence": FOREIGN_PAGE})
    assert [board["title"] for board in boards(client)] == ["Moodboard"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 422, NOT_JSON),
        (b"[]", 422, NOT_JSON),
        (b"[" * 100_000, 422, NOT_JSON),
        (b'{"pins": []}', 422, NO_LIST),
        (b'{"pins": "all"}', 422, NO_LIST),
        (b" " * (pin_routes.MAX_BODY_BYTES + 1), 413, TOO_LONG),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    client: TestClient, body: bytes, status: int, sentence: str
) -> None:
    reply = client.post(f"{PINS_PATH}/delete", content=body)
    assert (reply.status_code, reply.json()) == (status, {"sentence": sentence})


def test_all_pins_of_a_board_are_listed_at_once(client: TestClient, services: Services) -> None:
    frames = [made(services, "sea")] + [made(services, f"sea {index}") for index in range(3)]
    board = ""
    for index in range(100):
        frame: Frame = frames[index % 4]
        shown = Frame(
            provenance.request_from(provenance.request_json(frame.request)),
            frame.stage,
            np.roll(frame.pixels, index, axis=0),
            frame.timings,
            frame.origin,
        )
        board = services.moodboard.pin(owner(), shown).board
    assert len(on(client, board)) == 100


def test_a_walk_leaves_as_one_file(client: TestClient, services: Services) -> None:
    names = [services.shelf.put(made(services, prompt)) for prompt in ("one", "two", "three")]
    path = walk_routes.WALK_PATH
    for kind, form in (("webp", "WEBP"), ("gif", "GIF"), ("strip", "PNG")):
        reply = client.post(path, json={"frames": names, "as": kind, "name": "one to three"})
        assert reply.status_code == 200, reply.text
        assert "one-to-three" in reply.headers["content-disposition"]
        with Image.open(io.BytesIO(reply.content)) as picture:
            assert picture.format == form
            assert getattr(picture, "n_frames", 1) == (1 if kind == "strip" else 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"frames": ["x"]},
        {"frames": ["x"] * 49},
        {"frames": "x"},
        {"frames": ["x", "y"], "as": "mp4"},
    ],
)
def test_a_walk_that_makes_no_sense_is_refused(client: TestClient, fields: Fields) -> None:
    reply = client.post(walk_routes.WALK_PATH, json={"as": "gif", **fields})
    assert reply.status_code == 422
    assert reply.json()["sentence"] in (walk_routes.NO_FRAMES, walk_routes.NO_KIND)


def test_a_walk_of_frames_that_are_gone_says_so(client: TestClient) -> None:
    reply = client.post(walk_routes.WALK_PATH, json={"frames": ["x", "y"], "as": "gif"})
    assert (reply.status_code, reply.json()) == (404, {"sentence": socket.GONE})


def text_of(png: bytes) -> str:
    with Image.open(io.BytesIO(png)) as picture:
        return str(picture.info["klein-live"])
