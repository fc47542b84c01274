"""The engines that an app can be measured with, by name."""

from dataclasses import dataclass, replace

from klein_ui.bench.photos import Album
from klein_ui.bench.sleeper import Sleeper
from klein_ui.contract import Engine
from klein_ui.models import ASSETS, KLEIN_4B, ModelRow, get

FAKE_SIDE_PX = 512
CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A fake engine of `render_ms` a picture, or the registry row `name` where that is None."""

    name: str
    render_ms: float | None

    @property
    def fake(self) -> bool:
        """Whether it only sleeps."""
        return self.render_ms is not None


FAKES = tuple(EngineSpec(f"fake-{ms}", float(ms)) for ms in (0, 40, 150, 400))
POSTCARD = EngineSpec("postcard", None)
ENGINES = (*FAKES, POSTCARD)
CROWD_FAKE = EngineSpec("fake-60", 60.0)
"""About what klein takes for 512 px on a fast card."""


def spec_of(name: str) -> EngineSpec:
    """The engine called `name`. Raises `KeyError`."""
    return {spec.name: spec for spec in (*ENGINES, CROWD_FAKE)}[name]


def row_of(spec: EngineSpec) -> ModelRow:
    """The registry row an app sees; a fake has one size, so that all apps make the same picture."""
    if not spec.fake:
        return get(spec.name)
    side = FAKE_SIDE_PX
    return replace(
        KLEIN_4B, name=spec.name, title=spec.name, default_side=side, draft_side=side, min_side=side
    )


def load(spec: EngineSpec) -> Engine:
    """Load the engine of `spec`. Raises `EngineFailed`."""
    if spec.render_ms is not None:
        return Sleeper(spec.render_ms / 1000)
    # Brings torch and diffusers with it, seconds that a fake need not wait for.
    from klein_ui.engine import choosing, loader

    choice = choosing.resolve(spec.name, "auto", None)
    return loader.load(choice, CACHE_BYTES, lambda _: None, Album())


def missing(spec: EngineSpec) -> str | None:
    """Why `spec` cannot be measured here, None when it can."""
    if spec.fake or (ASSETS / spec.name / "model_index.json").is_file():
        return None
    return f"{spec.name}: skipped, its weights are not in {ASSETS.name}/{spec.name}"
