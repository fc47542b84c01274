"""The ways to hold a model's weights, from the best to the last, and what each of them needs."""

from dataclasses import dataclass, replace

from klein_ui.contract import EngineFailed
from klein_ui.engine.work import Widths, Work

FLOAT32_BYTES, HALF_BYTES, FP8_BYTES = 4, 2, 1


@dataclass(frozen=True, slots=True)
class Part:
    """A component by the number of its weights.

    `castable` of them are in layers that can be stored in fp8; `largest` are in the largest such
    layer, which is unpacked while it runs.
    """

    weights: int
    castable: int = 0
    largest: int = 0

    def held_bytes(self, number_bytes: int, fp8: bool) -> int:
        """Bytes of the weights, of `number_bytes` each but for those stored in fp8."""
        cast = self.castable if fp8 else 0
        return (self.weights - cast) * number_bytes + cast * FP8_BYTES


@dataclass(frozen=True, slots=True)
class Model:
    """The components as they were loaded, with weights of `number_bytes`."""

    title: str
    text_encoder: Part
    transformer: Part
    vae: Part
    widths: Widths
    number_bytes: int = HALF_BYTES


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on `device`, and the main memory that there is for the weights.

    The weights were loaded into main memory: what they take of it counts as free.
    """

    device: str
    free_bytes: int
    main_bytes: int

    def bytes_for(self, recipe: "Recipe") -> int:
        """What is free where `recipe` holds the weights."""
        return self.main_bytes if recipe.on_cpu else self.free_bytes


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights are held. With no field set: all of them on the device, exact."""

    text_fp8: bool = False
    transformer_fp8: bool = False
    turns: bool = False
    on_cpu: bool = False
    float32: bool = False

    @property
    def in_fp8(self) -> str:
        """What is stored in fp8, in words, which makes other pictures than the weights as they are;
        empty where these are exact."""
        if self.transformer_fp8:
            return "weights"
        return "text encoder" if self.text_fp8 else ""

    @property
    def path(self) -> str:
        """The execution path as a frame records it; where the weights wait changes no pixel."""
        return f"eager, fp8 {self.in_fp8}" if self.in_fp8 else "eager"

    def number_bytes(self, model: Model) -> int:
        """Bytes of a weight that is not stored in fp8, and of the intermediate results."""
        return FLOAT32_BYTES if self.float32 else model.number_bytes

    def held_bytes(self, model: Model) -> int:
        """Bytes of all weights."""
        return sum(self._parts_bytes(model))

    def needs_bytes(self, model: Model, work: Work) -> int:
        """Bytes of the weights that are there at once, and of `work` at that time."""
        text, transformer, vae = self._parts_bytes(model)
        if not self.turns:
            return text + transformer + vae + work.most_bytes + self._unpacked_bytes(model)
        # References are encoded while the text encoder has not left yet. The VAE stays.
        reading = text + max(work.text_bytes, work.vae_bytes)
        return max(reading, transformer + work.steps_bytes) + vae + self._unpacked_bytes(model)

    def _parts_bytes(self, model: Model) -> tuple[int, int, int]:
        number_bytes = self.number_bytes(model)
        return (
            model.text_encoder.held_bytes(number_bytes, self.text_fp8),
            model.transformer.held_bytes(number_bytes, self.transformer_fp8),
            model.vae.held_bytes(number_bytes, fp8=False),
        )

    def _unpacked_bytes(self, model: Model) -> int:
        text = model.text_encoder.largest if self.text_fp8 else 0
        transformer = model.transformer.largest if self.transformer_fp8 else 0
        return max(text, transformer) * self.number_bytes(model)


RESIDENT = Recipe()
FP8_TEXT = Recipe(text_fp8=True)
FP8 = Recipe(text_fp8=True, transformer_fp8=True)
OFFLOAD = Recipe(turns=True)
FP8_OFFLOAD = replace(FP8, turns=True)
CPU_FLOAT32 = Recipe(on_cpu=True, float32=True)
CPU = Recipe(on_cpu=True)
CPU_FP8 = replace(FP8, on_cpu=True)


@dataclass(frozen=True, slots=True)
class Rung:
    """A recipe with room to work for all that the row allows, or only for its usual picture."""

    recipe: Recipe
    for_all_sizes: bool = True


def _either(recipe: Recipe) -> tuple[Rung, Rung]:
    return Rung(recipe), Rung(recipe, for_all_sizes=False)


AUTO = "auto"

_ON_CPU = (Rung(CPU_FLOAT32), Rung(CPU))

# Where not all fits, fp8 comes before taking turns: those move gigabytes at every keystroke. So
# does fp8 with room for the usual picture: what does not fit then is rare and ends in a sentence.
_LADDERS: dict[str, dict[str, tuple[Rung, ...]]] = {
    "cuda": {
        AUTO: (
            Rung(RESIDENT),
            Rung(FP8_TEXT),
            *_either(FP8),
            Rung(OFFLOAD),
            *_either(FP8_OFFLOAD),
            *_ON_CPU,
        ),
        "resident": _either(RESIDENT),
        "fp8": (*_either(FP8), *_either(FP8_OFFLOAD)),
        "offload": _either(OFFLOAD),
    },
    # Its memory is the main memory, so there is nowhere to go from it, and it knows no fp8.
    "mps": {AUTO: (*_either(RESIDENT), *_ON_CPU), "resident": _either(RESIDENT)},
    "cpu": {AUTO: _ON_CPU, "resident": _ON_CPU, "fp8": (Rung(CPU_FP8),)},
}


def ladder(device: str, wanted: str) -> tuple[Rung, ...]:
    """What to try on `device`, best first. Raises `EngineFailed` where `wanted` cannot be done."""
    rungs = _LADDERS[device].get(wanted)
    if rungs is None:
        raise EngineFailed(
            f"A {device.upper()} device cannot do --memory {wanted}; "
            f"choose one of {', '.join(_LADDERS[device])}."
        )
    return rungs
