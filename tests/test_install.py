"""What `make` installed is what was meant."""

import importlib.metadata
import re
from pathlib import Path

import PIL
import pytest

ROOT = Path(__file__).resolve().parent.parent


def pins(name: str) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in ROOT.joinpath(name).read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {name.split("[")[0]: version for name, version in pairs}


def test_the_pillow_that_runs_is_the_mended_one() -> None:
    assert PIL.__version__ == pins("requirements-pillow.txt")["pillow"]


@pytest.mark.parametrize("name", [*pins("requirements.txt"), *pins("requirements-dev.txt")])
def test_every_package_has_its_pinned_version(name: str) -> None:
    wanted = (
        pins("requirements.txt") | pins("requirements-dev.txt") | pins("requirements-pillow.txt")
    )[name]
    assert importlib.metadata.version(name).split("+")[0] == wanted


REQUIREMENTS = sorted({path.name for path in ROOT.glob("requirements*.txt")})


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_the_lock_agrees_with_what_is_asked_for(name: str) -> None:
    locked = {normal(key): version for key, version in pins("constraints.txt").items()}
    for key, version in pins(name).items():
        # It goes over the cap of Gradio, which no resolver would allow.
        assert key == "pillow" or locked[normal(key)] == version


def test_the_lock_holds_on_every_machine() -> None:
    for name, version in pins("constraints.txt").items():
        assert version.replace(".", "").replace("post", "").isalnum(), name
        assert not name.lower().startswith(("nvidia", "cuda", "triton", "pillow")), name


def test_what_runs_is_what_is_locked() -> None:
    here = {
        normal(dist.metadata["Name"]): dist.version.split("+")[0]
        for dist in importlib.metadata.distributions()
    }
    locked = {normal(key): version for key, version in pins("constraints.txt").items()}
    assert {name: here[name] for name in locked if name in here} == {
        name: version for name, version in locked.items() if name in here
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", [*pins("requirements-cluster.txt")])
def test_a_cluster_is_the_pinned_one_where_there_is_one(name: str) -> None:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("it is optional")
    assert version == pins("requirements-cluster.txt")[name]


def test_nothing_forbidden_came_along() -> None:
    installed = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
    assert not installed & {"torchvision", "opencv-python", "opencv-python-headless"}
