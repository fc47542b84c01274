"""What a cluster is asked to run: the config file, its arguments, and how many replicas."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")

import torch
import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError
from ray import cloudpickle
from ray.serve.schema import ServeDeploySchema

from klein_ui.bench.photos import Album
from klein_ui.engine import loader
from klein_ui.engine.choosing import Choice
from klein_ui.engine.fake import FakeEngine
from klein_ui.loras import LoraShelf
from klein_ui.models import names
from klein_ui.serve.app import Arguments, chosen
from klein_ui.serve.remote import prefix_of
from klein_ui.serve.routing import BUSY, Homing, by_load

FILE = Path(__file__).resolve().parents[2] / "klein_ui" / "serve" / "serve.yaml"


def test_the_file_of_the_cluster_is_one_and_names_models_and_arguments_that_there_are() -> None:
    config = ServeDeploySchema(**yaml.safe_load(FILE.read_text()))
    for application in config.applications:
        assert application.name in names()
        assert application.route_prefix == prefix_of(application.name)
        assert application.import_path == "klein_ui.serve.app:app"
        assert Arguments(**application.args).model == application.name


def test_an_argument_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="replicass"):
        Arguments.model_validate({"replicass": 2})


@pytest.mark.parametrize(
    ("fields", "gpus"),
    [
        ({"model": "klein-4b"}, 1.0),
        ({"model": "klein-4b", "device": "cpu"}, 0.0),
        ({"model": "klein-4b", "gpus": 0.5}, 0.5),
        ({"model": "auto", "gpus": 1.0}, 1.0),
        ({"model": "postcard"}, 0.0),
        ({"model": "postcard", "device": "cuda"}, 1.0),
    ],
)
def test_a_replica_takes_its_own_device_where_the_application_was_built_without_one(
    fields: dict[str, object], gpus: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    row, offer, arguments = chosen(Arguments.model_validate(fields))
    assert arguments.gpus == gpus
    assert row.name == str(fields["model"]).replace("auto", "klein-4b")
    sent = cloudpickle.dumps(offer)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    loaded: list[Choice] = []

    def load(choice: Choice, *_: object) -> FakeEngine:
        loaded.append(choice)
        return FakeEngine()

    monkeypatch.setattr(loader, "load", load)
    cloudpickle.loads(sent)(Album(), LoraShelf(tmp_path)).load(lambda progress: None)
    assert [(one.row, one.device.name) for one in loaded] == [(row, fields.get("device", "cuda"))]


@pytest.mark.parametrize(
    ("busy", "wanted"),
    [([], 1), ([0.0], 1), ([0.6], 1), ([1.0], 2), ([0.9, 1.0], 3), ([1.0] * 9, 8)],
)
def test_there_are_as_many_replicas_as_are_busy(busy: list[float], wanted: int) -> None:
    context = SimpleNamespace(
        aggregated_metrics={BUSY: dict(enumerate(busy))},
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=8,
    )
    assert by_load(context) == (wanted, {})


@dataclass(frozen=True)
class Place:
    name: str

    @property
    def replica_id(self) -> SimpleNamespace:
        return SimpleNamespace(unique_id=self.name)


@dataclass
class Asking:
    wish: str
    metadata: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        self.metadata = SimpleNamespace(session_id=self.wish)


@pytest.mark.parametrize(
    ("wish", "ranks"),
    [
        ("", [{"a", "b", "c"}]),
        ("+b", [{"b"}, {"a", "c"}]),
        ("+gone", [{"a", "b", "c"}]),
        ("-a,c", [{"b"}, {"a", "c"}]),
        ("-a,b,c", [{"a", "b", "c"}]),
    ],
)
async def test_a_lane_gets_the_replica_that_it_wishes_for(wish: str, ranks: list[set[str]]) -> None:
    places = [Place(name) for name in "abc"]
    found = await object.__new__(Homing).choose_replicas(places, Asking(wish))
    assert [{place.name for place in rank} for rank in found] == ranks
