"""Boards and pins over the wire: kept from the shelf, arranged, and seen by their owner alone."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from klein_ui import moodboard, provenance
from klein_ui.contract import Blend, Frame, Lora, Reference
from klein_ui.ledger import Ledger
from klein_ui.moodboard import Moodboard
from klein_ui.pins import Bounds
from klein_ui.ui import board_routes, bodies, pictures, pin_routes, socket
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.board_routes import BOARDS_PATH, PINS_PATH
from klein_ui.ui.services import Services

from ..kept import ORIGIN, fill, frame, mounted
from .browsing import browser_of

ME, OTHER = "m" * 32, "o" * 32
NOWHERE = "f" * 16


def client_of(services: Services, cookie: str = ME) -> TestClient:
    routes = [
        *socket.routes(services),
        *pictures.routes(services),
        *board_routes.routes(services),
        *pin_routes.routes(services),
    ]
    return browser_of(routes, cookie)


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def pinned(services: Services, client: TestClient, made: Frame, board: str = "") -> dict[str, Any]:
    """Put the frame on the shelf, and pin it from there."""
    name = services.shelf.put(made)
    reply = client.post(PINS_PATH, json={"frame": name, "board": board})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def boards(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(BOARDS_PATH).json()["boards"]
    return found


def pins(client: TestClient, board: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{BOARDS_PATH}/{board}/pins").json()["pins"]
    return found


def sentence(reply: Any, status: int) -> str:
    """The one sentence of an answer that refuses."""
    assert reply.status_code == status, reply.text
    (told,) = reply.json().items()
    assert told[0] == "sentence"
    return str(told[1])


def test_a_frame_of_the_shelf_is_pinned_with_all_that_made_it(
    services: Services, client: TestClient
) -> None:
    made = frame(
        "a cup. Use the style of image 1.",
        seed=9,
        references=(Reference("0" * 64, "style", 0.5),),
        loras=(Lora("ink", 0.5),),
        blend=Blend("a bowl", 3, 0.25),
    )
    pin = pinned(services, client, made)
    assert pin["board_title"] == moodboard.FIRST_BOARD
    ((board,), (listed,)) = (boards(client), pins(client, pin["board"]))
    assert (board["id"], board["title"], board["pins"]) == (pin["board"], "Moodboard", 1)
    assert listed == {key: value for key, value in pin.items() if key != "board_title"}
    assert (listed["prompt"], listed["seed"], listed["stage"]) == ("a cup", 9, "final")
    assert (listed["width"], listed["height"], listed["steps"]) == (64, 48, 4)
    assert (listed["guidance_scale"], listed["model"]) == (1.0, "postcard")
    assert listed["loras"] == [{"name": "ink", "scale": 0.5}]
    assert listed["references"] == [{"digest": "0" * 64, "role": "style", "strength": 0.5}]
    assert listed["blend"] == {"prompt": "a bowl", "seed": 3, "share": 0.25}


def test_a_frame_that_left_the_memory_is_made_again(services: Services, client: TestClient) -> None:
    name = services.shelf.promise(frame("sun").request)
    pin = client.post(PINS_PATH, json={"frame": name}).json()
    assert (pin["prompt"], pin["stage"]) == ("sun", "final")
    failing = services.shelf.promise(frame("boom").request)
    assert sentence(client.post(PINS_PATH, json={"frame": failing}), 503)
    assert sentence(client.post(PINS_PATH, json={"frame": "gone"}), 404) == socket.GONE
    assert len(pins(client, pin["board"])) == 1


def test_the_png_of_a_pin_tells_what_made_its_references(
    services: Services, client: TestClient
) -> None:
    first = frame("a cup")
    digest = services.pictures.put(first.pixels, first.request)
    pin = pinned(services, client, frame("a bowl", seed=8, references=(Reference(digest),)))
    name = client.post(f"{PINS_PATH}/{pin['id']}/frame").json()["frame"]
    kept = services.moodboard.picture(owner_name(services), pin["id"])
    with Image.open(io.BytesIO(kept)) as opened:
        record = provenance.record.record_from(str(opened.info[provenance.CHUNK]))
    assert record.lineage == (first.request,)
    assert services.shelf.get(name) is not None


def owner_name(services: Services) -> str:
    """The owner of the one board there is."""
    ((owner,),) = services.ledger.rows("SELECT owner FROM boards")
    return str(owner)


def test_boards_are_made_renamed_deleted_and_brought_back(
    services: Services, client: TestClient
) -> None:
    made = client.post(BOARDS_PATH, json={"title": "  Night\nwalks "}).json()
    assert made["title"] == "Night walks"
    pin = pinned(services, client, frame(), made["id"])
    at = f"{BOARDS_PATH}/{made['id']}"
    assert client.patch(at, json={"title": "Dusk"}).json()["title"] == "Dusk"
    assert client.delete(at).json() == {}
    assert boards(client) == []
    assert sentence(client.get(f"{at}/pins"), 404) == moodboard.NO_BOARD
    back = client.post(f"{at}/restore").json()
    assert (back["title"], back["pins"]) == ("Dusk", 1)
    assert [one["id"] for one in pins(client, made["id"])] == [pin["id"]]


def test_what_is_said_of_a_pin(services: Services, client: TestClient) -> None:
    pin = pinned(services, client, frame())
    at = f"{PINS_PATH}/{pin['id']}"
    said = {"title": "Cup", "note": "one\ntwo", "tags": ["a", "A", "b"], "star": True}
    answer = client.patch(at, json={**said, "role": "palette"}).json()
    assert answer["tags"] == ["a", "b"]
    assert (answer["title"], answer["note"], answer["role"]) == ("Cup", "one\ntwo", "palette")
    assert answer["star"] is True
    answer = client.patch(at, json={"star": False}).json()
    assert (answer["star"], answer["title"]) == (False, "Cup")


@pytest.mark.parametrize(
    "said",
    [
        {"title": 7},
        {"title": "x" * 201},
        {"note": ["x"]},
        {"tags": "sea"},
        {"tags": [7]},
        {"tags": {"sea": 1}},
        {"star": 1},
        {"role": {}},
        {"role": "x" * 81},
    ],
)
def test_what_a_pin_cannot_be_told(
    services: Services, client: TestClient, said: dict[str, object]
) -> None:
    pin = pinned(services, client, frame())
    assert sentence(client.patch(f"{PINS_PATH}/{pin['id']}", json=said), 422).endswith(".")
    (after,) = pins(client, pin["board"])
    assert [after[key] for key in ("title", "note", "tags", "star", "role")] == [
        "",
        "",
        [],
        False,
        "",
    ]


def test_pins_are_arranged_moved_deleted_and_brought_back(
    services: Services, client: TestClient
) -> None:
    made = [pinned(services, client, frame(seed=seed)) for seed in range(3)]
    a, b, c = (pin["id"] for pin in made)
    first = made[0]["board"]
    second = client.post(BOARDS_PATH, json={"title": "Two"}).json()["id"]

    def order(board: str) -> list[str]:
        return [pin["id"] for pin in pins(client, board)]

    def place(names: list[str], board: str, before: str = "") -> None:
        body = {"pins": names, "board": board, "before": before}
        assert client.post(f"{PINS_PATH}/place", json=body).status_code == 200

    place([c], first, a)
    assert order(first) == [c, a, b]
    place([b, c], second)
    assert (order(first), order(second)) == ([a], [b, c])
    assert client.post(f"{PINS_PATH}/delete", json={"pins": [b]}).json() == {}
    assert order(second) == [c]
    assert client.post(f"{PINS_PATH}/restore", json={"pins": [b]}).json() == {}
    assert order(second) == [b, c]


def test_pins_come_by_the_page(services: Services, client: TestClient) -> None:
    made = [pinned(services, client, frame(seed=seed)) for seed in range(5)]
    at = f"{BOARDS_PATH}/{made[0]['board']}/pins"
    answer = client.get(at, params={"start": 3, "limit": 10}).json()
    assert [pin["seed"] for pin in answer["pins"]] == [3, 4]
    assert answer["total"] == 5
    assert client.get(at, params={"start": 9}).json() == {"pins": [], "total": 5}
    for wrong in ("-1", "x", "", "9" * 20, "٣"):
        assert sentence(client.get(at, params={"start": wrong}), 422) == board_routes.NO_RANGE


def test_how_a_pin_looks(services: Services, client: TestClient) -> None:
    pin = pinned(services, client, frame(width=512, height=256))
    at = f"{PINS_PATH}/{pin['id']}"
    for path, size, kind in (
        ("thumbnail.webp", (320, 160), "WEBP"),
        ("picture.jpg", (512, 256), "JPEG"),
        ("picture.jpg?side=64", (64, 32), "JPEG"),
    ):
        reply = client.get(f"{at}/{path}")
        assert "private" in reply.headers["cache-control"]
        with Image.open(io.BytesIO(reply.content)) as picture:
            assert (picture.size, picture.format) == (size, kind)
    assert sentence(client.get(f"{at}/picture.jpg?side=1"), 422) == pictures.WRONG_SIDE
    colours = client.get(f"{at}/palette").json()["colours"]
    assert len(colours) == 5
    assert sum(one["share"] for one in colours) == pytest.approx(1, abs=1e-3)
    assert all(len(one["hex"]) == 7 for one in colours)


def test_a_pin_is_a_frame_of_the_very_pixels_and_needs_no_model(
    services: Services, client: TestClient
) -> None:
    made = frame("boom")
    pin = pinned(services, client, made)
    name = client.post(f"{PINS_PATH}/{pin['id']}/frame").json()["frame"]
    kept = services.shelf.get(name)
    assert kept is not None
    assert kept.frame is not None
    assert (kept.frame.pixels == made.pixels).all()
    assert (kept.request, kept.frame.origin) == (made.request, ORIGIN)


def test_a_pin_becomes_an_image_of_the_gallery(services: Services, client: TestClient) -> None:
    made = frame(width=128, height=96)
    pin = pinned(services, client, made)
    answer = client.post(f"{PINS_PATH}/{pin['id']}/reference").json()
    assert (answer["width"], answer["height"]) == (128, 96)
    assert answer["made_by"] == provenance.request_digest(made.request)
    assert (services.pictures.get(answer["digest"]) == made.pixels).all()
    small = pinned(services, client, frame(width=16, height=16))
    assert sentence(client.post(f"{PINS_PATH}/{small['id']}/reference"), 422)


def test_nobody_sees_or_touches_the_boards_of_another(
    services: Services, client: TestClient
) -> None:
    pin = pinned(services, client, frame())
    with client_of(services, OTHER) as other:
        assert boards(other) == []
        mine = other.post(BOARDS_PATH, json={"title": "Mine"}).json()["id"]
        board, at = f"{BOARDS_PATH}/{pin['board']}", f"{PINS_PATH}/{pin['id']}"
        names = {"pins": [pin["id"]]}
        for reply in (
            other.get(f"{board}/pins"),
            other.patch(board, json={"title": "x"}),
            other.delete(board),
            other.post(f"{board}/restore"),
            other.patch(at, json={"title": "x"}),
            other.get(f"{at}/thumbnail.webp"),
            other.get(f"{at}/picture.jpg"),
            other.get(f"{at}/palette"),
            other.post(f"{at}/frame"),
            other.post(f"{at}/reference"),
            other.post(f"{PINS_PATH}/place", json={**names, "board": mine}),
            other.post(f"{PINS_PATH}/delete", json=names),
            other.post(f"{PINS_PATH}/restore", json=names),
            # As if there were none of that name.
            other.get(f"{PINS_PATH}/{NOWHERE}/thumbnail.webp"),
            other.get(f"{BOARDS_PATH}/{NOWHERE}/pins"),
        ):
            assert sentence(reply, 404) in (moodboard.NO_PIN, moodboard.NO_BOARD)
        assert pins(other, mine) == []
    assert len(pins(client, pin["board"])) == 1


def test_without_a_cookie_there_are_no_boards(services: Services) -> None:
    name = services.shelf.put(frame())
    with client_of(services, "") as nobody:
        for reply in (
            nobody.get(BOARDS_PATH),
            nobody.post(BOARDS_PATH, json={"title": "x"}),
            nobody.post(PINS_PATH, json={"frame": name}),
            nobody.get(f"{PINS_PATH}/{NOWHERE}/thumbnail.webp"),
        ):
            assert sentence(reply, 403) == board_routes.NOBODY


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", BOARDS_PATH),
        ("PATCH", f"{BOARDS_PATH}/{NOWHERE}"),
        ("DELETE", f"{BOARDS_PATH}/{NOWHERE}"),
        ("POST", PINS_PATH),
        ("PATCH", f"{PINS_PATH}/{NOWHERE}"),
        ("POST", f"{PINS_PATH}/delete"),
    ],
)
def test_a_foreign_page_changes_nothing(client: TestClient, method: str, path: str) -> None:
    reply = client.request(method, path, headers={"Origin": "https://elsewhere.example"})
    assert sentence(reply, 403) == FOREIGN_PAGE


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b"\xff", 422),
        (b"[" * 100_000, 422),
        (b'{"pins": []}', 422),
        (b'{"pins": "all"}', 422),
        (b'{"pins": [7]}', 422),
        (b"", 422),
        (b" " * (bodies.MAX_FIELDS_BYTES + 1), 413),
    ],
)
def test_a_body_that_is_no_list_of_pins(client: TestClient, body: bytes, status: int) -> None:
    for path in ("delete", "restore", "place"):
        assert sentence(client.post(f"{PINS_PATH}/{path}", content=body), status).endswith(".")


def test_a_body_without_a_length_is_read_no_further_than_the_limit(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 2**16

    assert sentence(client.post(BOARDS_PATH, content=chunks()), 413) == bodies.TOO_MANY_FIELDS


def test_full_boards_are_told(services: Services) -> None:
    small = replace(services, moodboard=Moodboard(services.ledger, Bounds(boards=1, pins=1)))
    with client_of(small) as client:
        pinned(small, client, frame())
        name = services.shelf.put(frame(seed=8))
        told = sentence(client.post(PINS_PATH, json={"frame": name}), 422)
        assert told == "There are 1 pins already; delete some first."
        assert "delete some" in sentence(client.post(BOARDS_PATH, json={"title": "x"}), 422)


def test_a_disk_that_takes_nothing_is_told(services: Services, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        ledger = Ledger(disk / "kept")
        on_disk = replace(services, ledger=ledger, moodboard=Moodboard(ledger))
        with client_of(on_disk) as client:
            pinned(on_disk, client, frame())
            fill(disk / "filler")
            name = services.shelf.put(frame(seed=8))
            told = sentence(client.post(PINS_PATH, json={"frame": name}), 503)
            assert told.endswith(".")
            assert len(pins(client, boards(client)[0]["id"])) == 1
        ledger.close()
