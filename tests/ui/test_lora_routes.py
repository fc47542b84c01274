"""The routes of the LoRAs: what is in the folder, and one more from the hub, line by line."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from klein_ui.contract import Progress
from klein_ui.loading import Report
from klein_ui.ui import lora_routes
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.lora_routes import LORAS_PATH
from klein_ui.ui.services import Services


def client_of(services: Services) -> TestClient:
    return TestClient(Starlette(routes=lora_routes.routes(services)))


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def fetched(client: TestClient, hub_id: str) -> list[dict[str, Any]]:
    reply = client.post(LORAS_PATH, params={"id": hub_id})
    assert reply.status_code == 200
    return [json.loads(line) for line in reply.text.splitlines()]


def test_the_folder_is_read_anew_each_time(client: TestClient, services: Services) -> None:
    assert client.get(LORAS_PATH).json() == {"names": []}
    services.loras.folder.mkdir()
    (services.loras.folder / "wash.safetensors").write_bytes(b"")
    (services.loras.folder / "Ünk 2.safetensors").write_bytes(b"")
    assert client.get(LORAS_PATH).json() == {"names": ["wash", "Ünk 2"]}
    (services.loras.folder / "wash.safetensors").unlink()
    assert client.get(LORAS_PATH).json() == {"names": ["Ünk 2"]}


def test_a_folder_that_cannot_be_read_is_one_sentence(
    client: TestClient, services: Services
) -> None:
    services.loras.folder.write_bytes(b"")
    reply = client.get(LORAS_PATH)
    assert reply.status_code == 503
    assert reply.json() == {
        "sentence": "The folder of LoRAs cannot be read; check that the app may open "
        f"“{services.loras.folder}”."
    }


def test_a_lora_from_the_hub_arrives_and_is_in_the_folder(client: TestClient) -> None:
    assert fetched(client, " alice/ink ") == [
        {"sentence": "Downloading alice/ink…", "fraction": None},
        {"sentence": "Downloading ink: 6 of 12 MB", "fraction": 0.5},
        {"name": "ink"},
    ]
    assert client.get(LORAS_PATH).json() == {"names": ["ink"]}


def test_what_fails_ends_in_its_sentence_and_the_next_one_may_come(client: TestClient) -> None:
    refusal = "The hub has no LoRA “no/one”; check the name."
    assert fetched(client, "no/one")[-1] == {"failed": refusal}
    assert fetched(client, "broken/way")[-1] == {"failed": lora_routes.BROKEN}
    assert fetched(client, "alice/ink")[-1] == {"name": "ink"}
    assert fetched(client, "")[-1] == {"failed": "The hub has no LoRA “”; check the name."}


def test_no_other_site_may_ask(client: TestClient, services: Services) -> None:
    foreign = {"Origin": "https://elsewhere.example"}
    reply = client.post(LORAS_PATH, params={"id": "alice/ink"}, headers=foreign)
    assert (reply.status_code, reply.json()) == (403, {"sentence": FOREIGN_PAGE})
    assert services.loras.names() == ()


class Held:
    """A hub that gives its LoRA only while the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = threading.Semaphore(0)

    def fetch(self, hub_id: str, report: Report) -> str:
        self.asked.release()
        assert self.gate.wait(20)
        return hub_id


def test_they_come_one_after_the_other(services: Services) -> None:
    held = Held()
    with client_of(replace(services, fetch_lora=held.fetch)) as client:
        first: list[list[dict[str, Any]]] = []
        asking = threading.Thread(target=lambda: first.append(fetched(client, "a/slow")))
        asking.start()
        assert held.asked.acquire(timeout=20)
        assert fetched(client, "b/quick") == [{"failed": lora_routes.BUSY}]
        held.gate.set()
        asking.join(20)
        assert first == [[{"name": "a/slow"}]]
        assert fetched(client, "b/quick") == [{"name": "b/quick"}]


def test_a_heap_of_progress_keeps_its_end(services: Services) -> None:
    def chatty(hub_id: str, report: Report) -> str:
        for number in range(10_000):
            report(Progress("downloading", f"{number}", number / 10_000))
        return "ink"

    with client_of(replace(services, fetch_lora=chatty)) as client:
        assert fetched(client, "a/b")[-1] == {"name": "ink"}


def test_no_download_keeps_the_app_from_ending(services: Services) -> None:
    held = Held()
    with client_of(replace(services, fetch_lora=held.fetch)) as client:
        asking = threading.Thread(target=lambda: fetched(client, "a/slow"))
        asking.start()
        assert held.asked.acquire(timeout=20)
        (thread,) = (one for one in threading.enumerate() if one.name == "lora")
        assert thread.daemon
        held.gate.set()
        asking.join(20)
