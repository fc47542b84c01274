"""The registry: one row for each set of weights the app can run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from klein_ui.contract import EngineFailed

GRID_PX = 16
"""Pixels a side of one image token: 8 by the VAE, 2 by packing. Sizes are multiples of it."""

NON_COMMERCIAL = "FLUX non-commercial"
NOT_FOR_SALE = "Its licence allows no commercial use."

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder in place of a model's own. `repo` is a hub id or, where `local`, a folder."""

    title: str
    repo: str
    revision: str | None
    local: bool


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What the app has to know of a model before it is loaded.

    Sizes are in pixels. A reference is shown to the model with at most `reference_area` pixels,
    while typing with `draft_reference_area`. `repo` is a hub id or, where `local`, a folder.
    Drafts take at most `draft_steps`. Distilled weights have their guidance in them: their
    `max_guidance_scale` is 1. `restriction` is a sentence on what the licence does not allow.
    `small_decoder` is what `--small-decoder` takes, where there is one.
    """

    name: str
    title: str
    repo: str
    revision: str | None
    local: bool
    built_in: bool
    licence: str
    restriction: str
    steps: int
    max_steps: int
    draft_steps: int
    guidance_scale: float
    max_guidance_scale: float
    default_side: int
    draft_side: int
    min_side: int
    max_side: int
    max_area: int
    max_references: int
    reference_area: int
    draft_reference_area: int
    text_encoder_out_layers: tuple[int, ...]
    max_sequence_length: int
    small_decoder: Decoder | None
    about: str

    def __post_init__(self) -> None:
        sides = (self.min_side, self.draft_side, self.default_side, self.max_side)
        if any(side % GRID_PX for side in sides):
            raise ValueError(f"all sides must be multiples of {GRID_PX}")
        if list(sides) != sorted(sides) or self.default_side**2 > self.max_area:
            raise ValueError("min_side, draft_side, default_side, max_side and max_area disagree")

    @property
    def is_guided(self) -> bool:
        """Whether the guidance scale changes the pictures."""
        return self.max_guidance_scale > 1


FLUX2_SMALL_DECODER = Decoder(
    title="FLUX.2 small decoder",
    repo="black-forest-labs/FLUX.2-small-decoder",
    revision="a3efc24f613ef42d9428af62fdbd6f5fd8856c4a",
    local=False,
)
"""Of the latents that the whole family shares: three quarters of the channels in each level."""

KLEIN_4B = ModelRow(
    name="klein-4b",
    title="FLUX.2 [klein] 4B",
    repo="black-forest-labs/FLUX.2-klein-4B",
    revision="main",
    local=False,
    built_in=False,
    licence="Apache-2.0",
    restriction="",
    steps=4,
    max_steps=8,
    draft_steps=8,
    guidance_scale=1.0,
    max_guidance_scale=1.0,
    default_side=1024,
    draft_side=512,
    min_side=128,
    max_side=2048,
    max_area=2048 * 1024,
    max_references=4,
    reference_area=1024 * 1024,
    draft_reference_area=512 * 512,
    text_encoder_out_layers=(9, 18, 27),
    max_sequence_length=512,
    small_decoder=FLUX2_SMALL_DECODER,
    about="The 4-step distilled model by Black Forest Labs.",
)


def _undistilled(row: ModelRow) -> ModelRow:
    """The numbers of the base weights, by their model cards: 50 steps and guidance 4.

    That drafts can do with 12 steps was chosen without the weights at hand.
    """
    return replace(
        row, steps=50, max_steps=50, draft_steps=12, guidance_scale=4.0, max_guidance_scale=10.0
    )


KLEIN_BASE_4B = replace(
    _undistilled(KLEIN_4B),
    name="klein-base-4b",
    title="FLUX.2 [klein] base 4B",
    repo="black-forest-labs/FLUX.2-klein-base-4B",
    about="The model before distillation: slower, and more varied.",
)

KLEIN_9B = replace(
    KLEIN_4B,
    name="klein-9b",
    title="FLUX.2 [klein] 9B",
    repo="black-forest-labs/FLUX.2-klein-9B",
    licence=NON_COMMERCIAL,
    restriction=NOT_FOR_SALE,
    about="The larger 4-step distilled model by Black Forest Labs.",
)

KLEIN_BASE_9B = replace(
    _undistilled(KLEIN_9B),
    name="klein-base-9b",
    title="FLUX.2 [klein] base 9B",
    repo="black-forest-labs/FLUX.2-klein-base-9B",
    about="The larger model before distillation: slower, and more varied.",
)

DEV = replace(
    _undistilled(KLEIN_4B),
    name="dev",
    title="FLUX.2 [dev]",
    repo="black-forest-labs/FLUX.2-dev",
    licence=NON_COMMERCIAL,
    restriction=NOT_FOR_SALE,
    text_encoder_out_layers=(10, 20, 30),
    about="The 32B model by Black Forest Labs: the slowest by far, and the largest.",
)
"""Its guidance is distilled into it, its steps are not: it is told the scale and asked once."""

KLEIN_9B_KV = replace(
    KLEIN_9B,
    name="klein-9b-kv",
    title="FLUX.2 [klein] 9B KV",
    repo="black-forest-labs/FLUX.2-klein-9b-kv",
    about="The 9B model trained to read its references once and keep what it read.",
)

POSTCARD = ModelRow(
    name="postcard",
    title="postcard",
    repo=str(ASSETS / "postcard"),
    revision=None,
    local=True,
    built_in=True,
    licence="Apache-2.0",
    restriction="",
    steps=4,
    max_steps=8,
    draft_steps=8,
    guidance_scale=1.0,
    max_guidance_scale=1.0,
    default_side=256,
    draft_side=128,
    min_side=128,
    max_side=512,
    max_area=512 * 512,
    max_references=3,
    reference_area=256 * 256,
    draft_reference_area=128 * 128,
    text_encoder_out_layers=(1, 2, 3),
    max_sequence_length=128,
    small_decoder=None,
    about="Built-in sketch model, for trying the app; not klein.",
)

ROWS = (KLEIN_4B, POSTCARD, KLEIN_BASE_4B, KLEIN_9B, KLEIN_BASE_9B, KLEIN_9B_KV, DEV)

FOLDER_NUMBERS = frozenset(
    {"max_sequence_length", "default_side", "draft_side", "min_side", "max_side", "max_area"}
)
"""The numbers that a `klein_ui.json` in a model's folder may set."""


INDEX = "model_index.json"
INSTEAD_OF_QUANTISED = "choose the model as it was made, with --memory fp8 where room is short"


def get(name: str) -> ModelRow:
    """The row called `name`. Raises `EngineFailed` with the known names when there is none."""
    for row in ROWS:
        if row.name == name:
            return row
    raise EngineFailed(f"There is no model “{name}”; choose one of {', '.join(names())}.")


def names() -> tuple[str, ...]:
    """The registry names, the default for a GPU first."""
    return tuple(row.name for row in ROWS)


def offered(own: ModelRow) -> tuple[ModelRow, ...]:
    """What can be chosen where the app was started with `own`, which comes first where the
    registry has no such name."""
    if own.name not in names():
        return (own, *ROWS)
    return tuple(own if row.name == own.name else row for row in ROWS)


def from_folder(folder: Path) -> ModelRow:
    """A row for a pipeline saved by `save_pretrained`, with klein's defaults, those of its base
    model where the folder says that its weights are not distilled, or those of dev.

    A `klein_ui.json` beside the `model_index.json` may set `text_encoder_out_layers` and
    `FOLDER_NUMBERS`. Raises `EngineFailed`.
    """
    if not (folder / INDEX).is_file():
        raise EngineFailed(
            f"The folder “{folder}” holds no diffusers pipeline; give one with a model_index.json."
        )
    _refuse_quantised(folder, f"the folder “{folder}”")
    own = _overrides(folder / "klein_ui.json")
    try:
        return _folder_row(folder, own)
    except ValueError as error:
        raise EngineFailed(f"In “{folder / 'klein_ui.json'}” {error}.") from error


def from_hub(repo: str, revision: str, folder: Path) -> ModelRow:
    """A row for the hub's `repo`, of which `folder` has the index and the components' configs.

    Raises `EngineFailed`.
    """
    if not (folder / INDEX).is_file():
        raise EngineFailed(
            f"The hub's “{repo}” holds no diffusers pipeline; single files, such as those in fp8 "
            f"or nvfp4, are not read, so {INSTEAD_OF_QUANTISED}."
        )
    _refuse_quantised(folder, f"the hub's “{repo}”")
    return replace(
        from_folder(folder),
        name=repo,
        title=repo,
        repo=repo,
        revision=revision,
        local=False,
        about="A pipeline from the hub.",
    )


def _refuse_quantised(folder: Path, where: str) -> None:
    """Weights that another package packed are neither cut nor counted nor placed as ours are."""
    for config in sorted(folder.glob("*/config.json")):
        packed = _said_by(config).get("quantization_config")
        if packed is not None:
            method = packed.get("quant_method") if isinstance(packed, dict) else None
            raise EngineFailed(
                f"The weights in {where} are packed by {method or 'another package'}, which is not "
                f"read; {INSTEAD_OF_QUANTISED}."
            )


def _said_by(path: Path) -> dict[str, Any]:
    """The object in the file at `path`. Raises `EngineFailed`."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = None
    if not isinstance(said, dict):
        raise EngineFailed(f"“{path}” cannot be read; get the model again.")
    return said


def _folder_row(folder: Path, own: dict[str, Any]) -> ModelRow:
    return replace(
        _akin(folder / INDEX),
        name=folder.resolve().name,
        title=folder.resolve().name,
        repo=str(folder),
        revision=None,
        local=True,
        licence="see the model's card",
        about="A pipeline from a local folder.",
        **own,
    )


def _overrides(path: Path) -> dict[str, Any]:
    """What a folder's own `klein_ui.json` says, checked field by field."""
    if not path.is_file():
        return {}
    sentence = f"“{path}” is not readable as settings of a model; mend or remove it."
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineFailed(sentence) from error
    if not isinstance(raw, dict) or not set(raw) <= {*FOLDER_NUMBERS, "text_encoder_out_layers"}:
        raise EngineFailed(sentence)
    layers = raw.pop("text_encoder_out_layers", None)
    if layers is not None and not (isinstance(layers, list) and layers):
        raise EngineFailed(sentence)
    if not all(type(value) is int and value > 0 for value in (*raw.values(), *(layers or ()))):
        raise EngineFailed(sentence)
    return raw if layers is None else {**raw, "text_encoder_out_layers": tuple(layers)}


def _akin(index: Path) -> ModelRow:
    """The row whose numbers such weights take; where nothing is said, the stock pipeline guides."""
    said = _said_by(index)
    # Of the KV pipeline there are distilled weights only, and it takes no guidance.
    if said.get("_class_name") == "Flux2KleinKVPipeline" or said.get("is_distilled") is True:
        return KLEIN_4B
    return DEV if said.get("_class_name") == "Flux2Pipeline" else KLEIN_BASE_4B
