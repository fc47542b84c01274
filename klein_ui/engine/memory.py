"""The memory plan: from the room there is and the sizes of a model to a way to hold its weights.

Pure: whoever calls brings the numbers.
"""

from dataclasses import dataclass, replace

from klein_ui.contract import EngineFailed
from klein_ui.engine.recipes import (
    AUTO,
    FLOAT32_BYTES,
    HALF_BYTES,
    RESIDENT,
    Model,
    Part,
    Recipe,
    Room,
    Rung,
    ladder,
)
from klein_ui.engine.work import largest, usual, work
from klein_ui.models import ModelRow

DEVICES = {"cuda": "the GPU", "mps": "the Apple GPU", "cpu": "this machine"}
FORMATS = {HALF_BYTES: "bfloat16", FLOAT32_BYTES: "float32"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to hold the weights, held against the room.

    `needs_bytes` is the most that is there at once, `work_bytes` of it for renders. Only the last
    way there is may be chosen without `fits`. `why` is for people.
    """

    rung: Rung
    needs_bytes: int
    work_bytes: int
    fits: bool
    why: str = ""

    @property
    def recipe(self) -> Recipe:
        """How the weights are held."""
        return self.rung.recipe


def plan(model: Model, row: ModelRow, room: Room, wanted: str = AUTO) -> Plan:
    """The best way that fits, or else the last.

    Raises `EngineFailed` where `wanted` asks for a certain way, and that does not fit.
    """
    tried = _tried(model, row, room, wanted)
    chosen = next((one for one in tried if one.fits), None)
    if chosen is None and wanted != AUTO:
        nearest = min(tried, key=lambda one: one.needs_bytes)
        raise EngineFailed(_too_large(nearest, model, room, wanted))
    chosen = chosen or tried[-1]
    other = _exact(model, row, room) if wanted == AUTO and chosen.recipe.in_fp8 else ""
    so = _on_cpu(chosen, model, room) if chosen.recipe.on_cpu else _on_gpu(chosen, model, other)
    limits = "" if chosen.rung.for_all_sizes else f" With that, {_limits(row)}."
    return replace(chosen, why=f"{_figures(tried[0], model, room)}: {so}.{limits}")


def loading_bytes(weights: int, main_bytes: int) -> int:
    """Bytes a number for `weights` that will run on the CPU, of which `main_bytes` are free.

    float32 is what a CPU is quick at, but it takes twice the memory.
    """
    return FLOAT32_BYTES if weights * FLOAT32_BYTES <= main_bytes else HALF_BYTES


def _tried(model: Model, row: ModelRow, room: Room, wanted: str) -> list[Plan]:
    return [_held_against(room, model, row, rung) for rung in ladder(room.device, wanted)]


def _held_against(room: Room, model: Model, row: ModelRow, rung: Rung) -> Plan:
    sizes = largest(row) if rung.for_all_sizes else usual(row)
    made = work(model.widths, sizes, rung.recipe.number_bytes(model))
    needs_bytes = rung.recipe.needs_bytes(model, made)
    fits = needs_bytes <= room.bytes_for(rung.recipe)
    return Plan(rung, needs_bytes, made.most_bytes, fits)


def _exact(model: Model, row: ModelRow, room: Room) -> str:
    """How to have exact pictures all the same, in words; empty where there is no room for it."""
    if room.device == "cuda":
        if any(one.fits for one in _tried(model, row, room, "resident")):
            return f" (--memory resident is exact, but {_limits(row)})"
        if any(one.fits for one in _tried(model, row, room, "offload")):
            return f" (--memory offload is exact, but {_moves(RESIDENT, model)})"
    return ""


def _figures(best: Plan, model: Model, room: Room) -> str:
    """What `best` would need, were nothing stored in fp8, and what there is."""
    recipe = replace(best.recipe, text_fp8=False, transformer_fp8=False)
    number = FORMATS[recipe.number_bytes(model)]
    weights, made = amount(recipe.held_bytes(model)), amount(best.work_bytes)
    has = f"{DEVICES[room.device]} has {amount(room.free_bytes)} free"
    return f"{model.title} needs {weights} in {number} and {made} to work; {has}"


def _on_gpu(chosen: Plan, model: Model, other: str) -> str:
    """What follows from the figures for a GPU. `other` is what could be had instead."""
    recipe = chosen.recipe
    lossy = _lossy(recipe, other)
    if recipe.turns:
        turns = f"its parts take turns there, which {_moves(recipe, model)}"
        return f"{lossy}, and {turns}" if lossy else turns
    if lossy:
        return f"{lossy}, so that all of it, now {amount(recipe.held_bytes(model))}, stays there"
    return "all of it stays there"


def _on_cpu(chosen: Plan, model: Model, room: Room) -> str:
    """What follows from them where the CPU is what there is, or what is left."""
    number = FORMATS[chosen.recipe.number_bytes(model)]
    if not chosen.fits:
        return (
            f"that is too little even for the CPU in {number}, which will be very slow or fail; "
            "--model postcard runs anywhere"
        )
    lossy = _lossy(chosen.recipe, other="")
    slow = "" if room.device == "cpu" else ", which is slow"
    so = f"it runs on the CPU in {number}{slow}"
    return f"{lossy}, and {so}" if lossy else so


def _lossy(recipe: Recipe, other: str) -> str:
    verb = "are" if recipe.transformer_fp8 else "is"
    return f"its {recipe.in_fp8} {verb} kept in fp8, which is lossy{other}" if recipe.in_fp8 else ""


def _moves(recipe: Recipe, model: Model) -> str:
    """What taking turns costs: the text encoder reads each new prompt, the transformer renders."""
    moved = replace(model, vae=Part(0))
    return f"moves {amount(recipe.held_bytes(moved))} at each new prompt"


def _limits(row: ModelRow) -> str:
    side = row.default_side
    return f"pictures above {side}×{side} px or with several images may not fit"


def _too_large(nearest: Plan, model: Model, room: Room, wanted: str) -> str:
    free_bytes = room.bytes_for(nearest.recipe)
    missing = amount(nearest.needs_bytes - free_bytes)
    return (
        f"{model.title} needs {amount(nearest.needs_bytes)} with --memory {wanted}, {missing} more "
        f"than {DEVICES[room.device]} has free; close other programs, or start with --memory auto."
    )


def amount(bytes_: int) -> str:
    """`bytes_` in words, such as 7.8 GB."""
    return f"{bytes_ / 1e9:.1f} GB" if bytes_ >= 1e8 else f"{bytes_ / 1e6:.0f} MB"
