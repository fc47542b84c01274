"""What a cluster is asked to run: the config file, its arguments, and how many replicas."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")

import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError
from ray.serve.schema import ServeDeploySchema

from klein_ui.models import names
from klein_ui.serve.app import Arguments
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
