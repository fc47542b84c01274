"""What the Dockerfile copies and runs, tried without an engine for containers."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from dockerfile_parse import DockerfileParser

from klein_ui import models, settings
from klein_ui.serve import __main__ as serve
from klein_ui.serve.remote import address_of
from tests.started import LONG_S, ROOT, free_port

TARGETS = ("cpu", "cuda", "cluster")
COMPOSED = (("compose.yaml",), ("compose.yaml", "compose.cpu.yaml"))


def steps(target: str) -> list[tuple[str, str]]:
    """The instructions that make the image `target`, those of the stages below it first."""
    stages: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for step in DockerfileParser(path=str(ROOT)).structure:
        word, value = step["instruction"], step["value"]
        if word == "FROM":
            below, _, name = value.partition(" AS ")
            stages[name] = list(stages.get(below, []))
        elif word != "COMMENT":
            stages[name].append((word, value))
    return stages[target]


def only(word: str, target: str) -> str:
    """The value of the last `word`, which is the one that counts."""
    return [value for each, value in steps(target) if each == word][-1]


def copied(target: str, folder: Path) -> None:
    """Lay what `target` copies into `folder`."""
    for word, value in steps(target):
        if word != "COPY":
            continue
        *sources, to = value.split()
        for source in sources:
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, folder / to, ignore=ignored)
            else:
                shutil.copy(ROOT / source, folder / to)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_copied_is_there_and_not_ignored(target: str, tmp_path: Path) -> None:
    copied(target, tmp_path)
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    laid = {path.name for path in tmp_path.iterdir()}
    assert {"app.py", "assets", "klein_ui", "requirements.txt"} <= laid
    assert all(any(Path(name).match(pattern) for pattern in kept) for name in laid)


@pytest.mark.parametrize("target", TARGETS)
def test_it_does_not_run_as_root(target: str) -> None:
    assert only("USER", target) == "1000"


def test_every_installed_file_is_copied_before(tmp_path: Path) -> None:
    for target in TARGETS:
        seen = ""
        for word, value in steps(target):
            if word == "COPY":
                seen += value
            if word == "RUN":
                asked = [name for name in value.split() if name.startswith("requirements")]
                assert all(name in seen for name in asked)


def test_what_is_copied_runs_and_the_check_of_its_health_passes(tmp_path: Path) -> None:
    copied("cpu", tmp_path)
    port = free_port()
    environ = {
        **os.environ,
        **dict(pair.split("=", 1) for pair in only("ENV", "cpu").split() if "=" in pair),
        "KLEIN_DATA_DIR": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hub"),
        "KLEIN_PORT": str(port),
    }
    program = json.loads(only("ENTRYPOINT", "cpu"))
    check = json.loads(only("HEALTHCHECK", "cpu").partition("CMD ")[2])
    asked = [sys.executable, *check[1:-1], check[-1].replace(":7860", f":{port}")]
    with subprocess.Popen(
        [sys.executable, *program[1:]], cwd=tmp_path, env=environ, stdout=subprocess.PIPE
    ) as app:
        try:
            until = time.monotonic() + LONG_S
            while subprocess.run(asked, capture_output=True, check=False).returncode:
                assert app.poll() is None
                assert time.monotonic() < until
        finally:
            app.terminate()
        assert app.wait(LONG_S) == 0
        assert app.stdout is not None
        assert b"asks for the token" in app.stdout.read()


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """What Compose reads: YAML in which `!reset` takes a value away."""


Loader.add_constructor("!reset", lambda loader, node: None)


def composed(*names: str) -> dict[str, Any]:
    """The services of the files `names`, those of the later ones over those of the first."""
    services: dict[str, Any] = {}
    for name in names:
        # It is a loader of plain values.
        found = yaml.load((ROOT / name).read_text(), Loader)["services"]  # noqa: S506
        for service, fields in found.items():
            before = services.setdefault(service, {})
            build = {**before.get("build", {}), **fields.get("build", {})}
            before.update(fields, build=build)
    return services


@pytest.mark.parametrize("names", COMPOSED, ids=" ".join)
def test_composed_services_start_and_find_each_other(names: tuple[str, ...]) -> None:
    services = composed(*names)
    assert set(services) == {"app", "cluster"}
    assert {service["build"]["target"] for service in services.values()} <= set(TARGETS)
    app, cluster = services["app"], services["cluster"]
    above = json.loads(only("ENTRYPOINT", cluster["build"]["target"]))
    assert above[:3] == ["python", "-m", "klein_ui.serve"]
    flags = serve._parser().parse_args([*above[3:], *cluster["command"]])
    image = only("ENV", app["build"]["target"]).split()
    environ = dict(pair.split("=", 1) for pair in image if "=" in pair)
    chosen = settings.read(app["command"], {**environ, "KLEIN_TOKEN": "t" * 16})
    assert address_of(chosen.engine) == f"http://cluster:{flags.port}"
    assert (flags.host, chosen.host) == ("0.0.0.0", "0.0.0.0")
    # With a model of the table the app may start before the cluster.
    assert chosen.model == flags.model
    assert chosen.model in {row.name for row in models.ROWS}
    assert app["ports"] == [f"{chosen.port}:{chosen.port}"]
    assert "ports" not in cluster
    assert cluster["expose"] == [only("EXPOSE", "cluster")] == [str(flags.port)]
    assert f":{flags.port}/-/routes" in only("HEALTHCHECK", "cluster")
    for service in (app, cluster):
        ((_, at),) = (volume.split(":") for volume in service["volumes"])
        assert at == only("VOLUME", service["build"]["target"]) == environ["KLEIN_DATA_DIR"]
    assert "KLEIN_TOKEN" in app["environment"]


def test_the_cluster_has_the_graphics_cards_where_there_are_some() -> None:
    with_cards, without = (composed(*names)["cluster"] for names in COMPOSED)
    (devices,) = with_cards["deploy"]["resources"]["reservations"]["devices"]
    assert devices["capabilities"] == ["gpu"]
    assert without["deploy"] is None
    assert without["command"][2:4] == ["--device", "cpu"]
