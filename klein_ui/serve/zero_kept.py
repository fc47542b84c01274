"""What the main process keeps of pictures that were made, and sends along with the next one."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import (
    Frame,
    InvalidPicture,
    LoraFile,
    Loras,
    Pictures,
    Pixels,
    Request,
    Stage,
)
from klein_ui.engine.attention import GONE
from klein_ui.engine.encodings import (
    Known,
    PlainPicture,
    PlainPrompt,
    is_picture_of,
    is_prompt_of,
)
from klein_ui.engine.references import PictureKey
from klein_ui.engine.region import MASK_GONE
from klein_ui.engine.text import PromptKey
from klein_ui.serve.zero_calls import Made, Order

FRAMES_SHARE, PROMPTS_SHARE, PICTURES_SHARE = 0.4, 0.4, 0.2

FrameKey = tuple[Request, tuple[LoraFile, ...]]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept:
    """Frames, embeddings and latents, all on the CPU. Safe to use from several threads.

    `revision` is that of the weights; images and LoRAs are found in `pictures` and `loras`.
    """

    def __init__(self, revision: str, max_bytes: int, pictures: Pictures, loras: Loras) -> None:
        self._revision = revision
        self._source = pictures
        self._loras = loras
        self._frames: ByteLRU[FrameKey, Frame] = ByteLRU(int(max_bytes * FRAMES_SHARE))
        self._prompts: ByteLRU[PromptKey, PlainPrompt] = ByteLRU(int(max_bytes * PROMPTS_SHARE))
        self._pictures: ByteLRU[PictureKey, PlainPicture] = ByteLRU(int(max_bytes * PICTURES_SHARE))

    def frame(self, request: Request) -> Frame | None:
        """The finished frame, where it is kept. Raises `InvalidLora`."""
        return self._frames.get(self._key(request))

    def has(self, request: Request) -> bool:
        """Whether its frame is kept; no use of it. Raises `InvalidLora`."""
        return self._key(request) in self._frames

    def order(self, request: Request, stage: Stage, slot: int) -> Order:
        """What goes to the GPU for `request`: whatever it needs that is known here, and no more.

        Raises `InvalidPicture` and `InvalidLora` for what is gone, at nobody's cost.
        """
        prompts = _some(self._prompts, lambda key: is_prompt_of(key, request))
        pictures = _some(self._pictures, lambda key: is_picture_of(key, request))
        known = Known(prompts, pictures)
        return Order(
            request, stage, known, self._images(request, known), self._files(request), slot
        )

    def keep(self, order: Order, made: Made) -> None:
        """Keep what came of `order`."""
        key = order.request, tuple(order.loras.values())
        self._frames.put(key, made.frame, made.frame.pixels.nbytes)
        for name, prompt in made.known.prompts.items():
            self._prompts.put(name, prompt, prompt.size_bytes)
        for at, picture in made.known.pictures.items():
            self._pictures.put(at, picture, picture.size_bytes)

    def stats(self) -> dict[str, CacheStats]:
        """Counts and sizes, by what is kept."""
        return {
            "frames": self._frames.stats(),
            "prompts": self._prompts.stats(),
            "references": self._pictures.stats(),
        }

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self._prompts.clear()
        self._pictures.clear()

    def _key(self, request: Request) -> FrameKey:
        return request, tuple(self._files(request).values())

    def _files(self, request: Request) -> dict[str, LoraFile]:
        on = [lora.name for lora in request.loras if lora.scale != 0]
        return {name: self._loras.file(name) for name in on}

    def _images(self, request: Request, known: Known) -> dict[str, Pixels]:
        """The pixels of images that are not encoded yet, and of what stays as it is."""
        images: dict[str, Pixels] = {}
        for place, one in enumerate(request.references):
            key = (self._revision, one.digest, request.reference_area)
            stays = place == 0 and bool(request.mask or request.keep_background)
            if stays or (one.strength > 0 and key not in known.pictures):
                images[one.digest] = self._pixels(one.digest, GONE.format(number=place + 1))
        if request.mask and request.references:
            images[request.mask] = self._pixels(request.mask, MASK_GONE)
        return images

    def _pixels(self, digest: str, gone: str) -> Pixels:
        try:
            return self._source.get(digest)
        except InvalidPicture as error:
            raise InvalidPicture(gone) from error


def _some(cache: ByteLRU[K, V], wanted: Callable[[K], bool]) -> dict[K, V]:
    """What of `cache` is `wanted`; that is a use of it."""
    found = {key: cache.get(key) for key in cache.keys() if wanted(key)}  # noqa: SIM118
    return {key: value for key, value in found.items() if value is not None}
