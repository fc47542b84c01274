"""What the process that has the GPU does: it renders one order after another.

It is a fork of the main process, and touches nothing that the main process uses as well: a lock
that was held there while it was forked would never be opened here. So its engine is its alone, and
images and LoRAs come with the order.
"""

from collections.abc import Mapping

from klein_ui.contract import (
    DeviceLost,
    EngineFailed,
    Hooks,
    InvalidLora,
    InvalidPicture,
    KleinError,
    LoraFile,
    OutOfMemory,
    Pixels,
    Superseded,
)
from klein_ui.engine.faults import named
from klein_ui.engine.klein import KleinEngine
from klein_ui.serve.zero_calls import Answer, Made, Order, Refused, Stopped, Ticket, Watch

KINDS: dict[str, type[KleinError]] = {
    kind.__name__: kind for kind in (EngineFailed, InvalidLora, InvalidPicture, OutOfMemory)
}
"""The errors that cross. A lost device is none: the next process has another one."""

NOT_SENT = "An image did not come with the picture; type on to try again."


class Parcel:
    """The images and LoRAs of one order, in the place of the folders that they are kept in."""

    def __init__(self) -> None:
        self._pictures: Mapping[str, Pixels] = {}
        self._loras: Mapping[str, LoraFile] = {}

    def open(self, order: Order) -> None:
        """Have what came with `order`, and nothing else."""
        self._pictures, self._loras = order.pictures, order.loras

    def get(self, digest: str) -> Pixels:
        """See `contract.Pictures`."""
        try:
            return self._pictures[digest]
        except KeyError as error:
            raise InvalidPicture(NOT_SENT) from error

    def file(self, name: str) -> LoraFile:
        """See `contract.Loras`."""
        try:
            return self._loras[name]
        except KeyError as error:
            raise InvalidLora(f"The LoRA “{name}” did not come with the picture.") from error


class Worker:
    """Answers orders with the `engine`, which finds its images and LoRAs in `parcel`."""

    def __init__(self, engine: KleinEngine, parcel: Parcel, watch: Watch) -> None:
        self._engine = engine
        self._parcel = parcel
        self._watch = watch

    def answer(self, asked: Ticket | Order) -> Answer:
        """Render. In this process, where `spaces` does nothing, the ticket comes as it is.

        Raises `DeviceLost`, so that this process is given up.
        """
        order = asked.call.bind() if isinstance(asked, Ticket) else asked
        answer = self._rendered(order)
        # Only now: the error held the very tensors that did not fit.
        if isinstance(answer, Refused) and answer.kind == OutOfMemory.__name__:
            self._engine.relieve()
        return answer

    def _rendered(self, order: Order) -> Answer:
        def superseded(steps_done: int) -> bool:
            self._watch.did(order.slot, steps_done)
            return self._watch.is_stopped(order.slot)

        self._parcel.open(order)
        try:
            with named():
                self._engine.encodings.put(order.known)
            frame = self._engine.render(order.request, order.stage, Hooks(superseded))
        except Superseded:
            return Stopped()
        except DeviceLost:
            raise
        except KleinError as error:
            kind = type(error).__name__
            return Refused(kind if kind in KINDS else EngineFailed.__name__, str(error))
        return Made(frame, self._engine.encodings.of(order.request, order.known))
