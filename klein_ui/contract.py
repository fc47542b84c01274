"""The words every floor shares: what is asked for, what comes back, and who makes it.

Nothing here knows of torch or gradio, so each floor above can be tested without them.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture, shape (height, width, 3), sRGB, 0 to 255."""


class Stage(StrEnum):
    """How far a frame is from what was asked for."""

    PREVIEW = "preview"
    DRAFT = "draft"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image the model looks at, by the SHA-256 of its normalised pixels.

    `role` is what the prompt says of it. `strength` 0 to 1 is how much of the attention that it
    would get it gets: at 1 the model runs as it is, at 0 nothing looks at the image. `made_by` is
    the digest of the request that made the image, empty for one from outside.
    """

    digest: str
    role: str = ""
    strength: float = 1.0
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA by its name, and how much of it: what it adds to the weights is multiplied by `scale`.

    At 0 the model is as it is without, exactly.
    """

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Blend:
    """A second prompt and seed, and how much of them: at `share` 0 the picture is the request's
    own, at 1 it is that of `prompt` and `seed`, between them it lies on the way."""

    prompt: str
    seed: int
    share: float


@dataclass(frozen=True, slots=True)
class Request:
    """All that determines a picture. Equal requests give equal pixels on one device and build.

    `width` and `height` are in pixels. `model` is the registry name of the weights. `prompt` is
    what the model reads, roles included. Each reference is shown to the model with at most
    `reference_area` pixels. `mask`, where given, is the digest of a picture whose white parts of
    the first reference may change. With `keep_background` what hardly changes stays the first
    reference's own pixels. `loras` change the weights for this picture; for a name that stands
    for other weights now, the pixels are others. With `blend` the picture lies between this
    request and the same one of another prompt and seed.
    """

    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    model: str
    references: tuple[Reference, ...] = ()
    reference_area: int = 1024 * 1024
    mask: str = ""
    keep_background: bool = False
    loras: tuple[Lora, ...] = ()
    blend: Blend | None = None

    @property
    def seen_pixels(self) -> int:
        """Pixels that the model works on in a step: the picture's and at most its references'."""
        return self.width * self.height + len(self.references) * self.reference_area


@dataclass(frozen=True, slots=True)
class Asked:
    """What one keystroke asks for: the settled picture and its drafts, largest first."""

    request: Request
    drafts: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """The machinery a frame came from; with the request it makes the same pixels again.

    `loras` are the SHA-256, in hex, of the files of the request's LoRAs, in their order.
    """

    revision: str
    device: str
    dtype: str
    build: str
    path: str = "eager"
    loras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent in each part of one render; a cached frame spent none.

    `images_s` is for references and LoRAs, which are encoded or read once and then kept.
    """

    encode_s: float = 0.0
    images_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    cached: bool = False

    @property
    def render_s(self) -> float:
        """Seconds from the start of the render to finished pixels."""
        return self.images_s + self.again_s

    @property
    def again_s(self) -> float:
        """Seconds that the next key of the same images takes as well."""
        return self.encode_s + self.denoise_s + self.decode_s


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture with the request, stage and timings that made it."""

    request: Request
    stage: Stage
    pixels: Pixels
    timings: Timings
    origin: Origin
    notes: tuple[str, ...] = ()
    """Sentences the user should know of this picture, such as that the prompt was cut."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the loading of a model stands. `fraction` is 0 to 1, or None while unknown."""

    phase: str
    sentence: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the engine calls while it renders.

    `superseded(steps_done)` is asked before the first step and after each one; once it says True
    the engine raises `Superseded` and decodes nothing. `preview`, where given, gets one rough
    picture after the first step. `session` names who asks, empty where nobody does.
    """

    superseded: Callable[[int], bool] = field(default=lambda steps_done: False)
    preview: Callable[[Frame], None] | None = None
    session: str = ""


class Pictures(Protocol):
    """Where the pixels of references are kept, by digest."""

    def get(self, digest: str) -> Pixels:
        """The normalised pixels of `digest`. Raises `InvalidPicture` when they are gone."""
        ...


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA on disk as it is now: once the file has changed, this is another one.

    `changed_ns` is its time of change, in nanoseconds since the epoch.
    """

    path: Path
    size_bytes: int
    changed_ns: int


class Loras(Protocol):
    """Where the files of LoRAs are kept, by name."""

    def file(self, name: str) -> LoraFile:
        """The file of the LoRA `name`. Raises `InvalidLora` when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Render:
    """One picture of a batch: what `Engine.render` is given for it."""

    request: Request
    stage: Stage
    hooks: Hooks


Outcome = Frame | Exception
"""How a picture of a batch ended: made, `Superseded`, or failed by itself."""


class Together(Protocol):
    """Makes several pictures at once, with one forward of the model for each step."""

    def bucket(self, request: Request) -> Hashable | None:
        """What requests must share to be made together; None for one that is made alone."""
        ...

    def render_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        """The place of each of `renders` and how it ended, each once, as soon as that is known.

        They are of one bucket, and different. A superseded one leaves between two steps and is
        not decoded; the others go on. Raises `OutOfMemory` when there is too little memory for
        all of them: each that has not ended may still be made alone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """How much of its room something takes, in bytes."""

    held_bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """The memory of an engine: its caches by what they hold, and all that is allocated on a GPU,
    None where there is none."""

    caches: Mapping[str, Use] = field(default_factory=dict)
    device_bytes: int | None = None


class Lane(Protocol):
    """What one thread makes pictures with: an engine, or one of the places that an engine has."""

    @property
    def place(self) -> str | None:
        """The name of where it keeps its caches, empty where the engine has one place; None while
        it has none, and then it can make nothing."""
        ...

    @property
    def together(self) -> Together | None:
        """How it makes several pictures at once; None where it makes one after the other."""
        ...

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """Make the picture of `request`.

        Raises `Superseded` when `hooks.superseded` said so between two steps, `Postponed` where
        it has not begun and others should have their turn, `PlaceLost` when the place went
        meanwhile, and `KleinError` with one sentence for the user when the picture cannot be made:
        `OutOfMemory` where a smaller one may be, `DeviceLost` where none can be any more.
        """
        ...

    def has(self, request: Request) -> bool:
        """Whether `request` is in the frame cache, so that rendering it takes no time."""
        ...

    def relieve(self) -> None:
        """Give back all memory but the weights: caches and recordings, which are made anew.

        Raises `DeviceLost` where the device answers nothing any more.
        """
        ...


class Engine(Lane, Protocol):
    """Turns a request into a frame. Only one thread calls it, but for `lanes`, `origin` and
    `held`; with several lanes, one thread calls each of them."""

    @property
    def lanes(self) -> "Sequence[Lane]":
        """All that it makes pictures with at a time; itself alone where it makes one.

        More may be added; none is taken away. Where no lane has a place any more, the engine is
        of no more use and is loaded again.
        """
        ...

    @property
    def origin(self) -> Origin:
        """The machinery behind this engine's frames."""
        ...

    def warm_up(self, request: Request) -> None:
        """Render once so that the first keystroke is as fast as the second."""
        ...

    def held(self) -> Held:
        """The memory that it takes now."""
        ...

    def close(self) -> None:
        """Free the weights and caches."""
        ...


class KleinError(Exception):
    """A failure the user is told of: `str(error)` is one sentence that names what to do."""


class InvalidRequest(KleinError):
    """Something from outside that cannot become a request; `field` is the part to mend."""

    def __init__(self, field_name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field_name


class InvalidPicture(KleinError):
    """Bytes from outside that are no picture the app can use, or a picture that is gone."""


class InvalidLora(KleinError):
    """A LoRA that is not there, or whose file holds nothing that fits the model."""


class EngineFailed(KleinError):
    """The engine could not load or render."""


class OutOfMemory(EngineFailed):
    """The memory is too small for this picture; a smaller one may fit, and the next one goes on."""


class DeviceLost(EngineFailed):
    """The device is in a state in which every further call fails until the process begins anew."""


class PlaceLost(Exception):
    """The place that made a picture is gone; it is made again in another. Where it was gone before
    that one had `begun`, the request had no part in it."""

    def __init__(self, *, begun: bool = True) -> None:
        super().__init__()
        self.begun = begun


class Superseded(Exception):
    """The render was stopped between steps because a newer request waits."""


class Postponed(Superseded):
    """The render has not begun, as there is no device for it yet. Whoever asked is still due."""


def sentence_of(error: BaseException, what: str) -> str:
    """The error's own sentence where it is for the user, else `what` went wrong."""
    if isinstance(error, KleinError):
        return str(error)
    return f"{what} ({type(error).__name__}); type on, and restart the app if it stays so."
