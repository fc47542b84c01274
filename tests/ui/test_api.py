"""The endpoint for Gradio's clients, over HTTP with the real one."""

import socket as sockets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from klein_ui import provenance
from klein_ui.dispatcher import Event
from klein_ui.loading import Switched
from klein_ui.provenance.export import Exporter
from klein_ui.safety import gate
from klein_ui.ui import page
from klein_ui.ui.services import Services

# Sockets of the clients' own are closed by the collector, and their loops use older names.
pytestmark = pytest.mark.filterwarnings("ignore")


def free_port() -> int:
    with sockets.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def url(services: Services) -> Iterator[str]:
    settings = replace(services.settings, port=free_port())
    served = replace(services, settings=settings)
    blocks = page.build(served)
    yield page.launch(blocks, served, block_thread=False).url
    blocks.close(verbose=False)


def test_generate_gives_a_picture_with_its_request(url: str, tmp_path: Path) -> None:
    client = Client(url, verbose=False, download_files=str(tmp_path))
    path = client.predict("夜 sun", 7, 256, 128, 2, api_name="/generate")
    with Image.open(path) as picture:
        assert picture.size == (256, 128)
        request = provenance.request_from(picture.info[provenance.CHUNK])
    assert (request.prompt, request.seed, request.steps) == ("夜 sun", 7, 2)


def test_a_prompt_alone_suffices(url: str, tmp_path: Path) -> None:
    client = Client(url, verbose=False, download_files=str(tmp_path))
    with Image.open(client.predict("sun", api_name="/generate")) as picture:
        assert picture.size == (256, 256)


def test_what_is_not_said_is_the_default_of_the_model_of_the_moment(
    url: str, services: Services, tmp_path: Path
) -> None:
    client = Client(url, verbose=False, download_files=str(tmp_path))
    switched = threading.Event()

    def listener(event: Event) -> None:
        if isinstance(event, Switched):
            switched.set()

    services.dispatcher.open("a", listener)
    services.dispatcher.switch(services.choices.named("other"))
    assert switched.wait(10)
    with Image.open(client.predict("sun", api_name="/generate")) as picture:
        assert picture.size == (192, 192)


def test_what_is_refused_says_why(url: str) -> None:
    client = Client(url, verbose=False)
    for fields, says in (
        (("sun", 0, 100, 256, 4), "whole number from 128"),
        (("sun", 0, 256, 256, 99), "steps must be a whole number"),
        (("sun", -1, 256, 256, 4), "seed must be a whole number"),
        (("boom", 0, 256, 256, 4), "type something else"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(*fields, api_name="/generate")
    assert client.predict("sun", api_name="/generate")


def test_what_the_safety_check_keeps_does_not_leave(services: Services) -> None:
    settings = replace(services.settings, port=free_port())
    closed = Exporter(gate=gate(None, required=True))
    served = replace(services, settings=settings, exporter=closed)
    blocks = page.build(served)
    launched = page.launch(blocks, served, block_thread=False)
    try:
        client = Client(launched.url, verbose=False)
        with pytest.raises(AppError, match="without a safety check"):
            client.predict("sun", api_name="/generate")
    finally:
        blocks.close(verbose=False)


def test_generate_is_all_that_programs_see(url: str) -> None:
    client = Client(url, verbose=False)
    api = client.view_api(return_format="dict", print_info=False)
    assert list(api["named_endpoints"]) == ["/generate"]
    names = [part["parameter_name"] for part in api["named_endpoints"]["/generate"]["parameters"]]
    assert names == ["prompt", "seed", "width", "height", "steps"]
