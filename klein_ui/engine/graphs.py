"""CUDA graphs of single steps: what the CPU launches for one is recorded once, then replayed.

A step of klein 4B is 1,053 launches, and for small pictures the CPU is expected to take longer to
make them than a fast card to run them; no card has measured it yet. A graph runs the very same
kernels on the same numbers, so nothing about the picture changes, and nothing is compiled:
recording launches one step more.

A graph reads and writes fixed addresses. The inputs of a step are copied there, the answer is
copied out. LoRAs are tensors that stay where they are while their numbers change
(`adapters.AdaptedLinear`), so switching between them records nothing.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from klein_ui.engine.faults import is_out_of_memory
from klein_ui.engine.work import step_bytes

log = logging.getLogger(__name__)

MOST_TOKENS = 2560
"""Text and picture of 512 px with one image of that size: steps of more tokens keep the card busy
longer than the CPU, and what they work with would be held for good."""

MOST_GRAPHS = 8
SPARE_SHARE = 0.25
"""Of the memory that is free, what one graph may take."""

Step = Callable[[], Tensor]
Inputs = dict[str, Any]
Bucket = tuple[Hashable, ...]


class Recorder(Protocol):
    """Where steps can be recorded."""

    def record(self, step: Step) -> Step:
        """`step` again, without what launching it costs. It always answers in the same tensor."""
        ...

    def has_room(self, tokens: int) -> bool:
        """Whether the memory can spare what a step of so many tokens works with."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    inputs: Inputs
    replay: Step

    def __call__(self, inputs: Inputs) -> Tensor:
        for name, fixed in _tensors(self.inputs).items():
            fixed.copy_(_tensors(inputs)[name])
        # The next replay writes over it.
        return self.replay().clone()


class StepGraphs:
    """The transformer, called as ever; steps of one shape are recorded when they come again.

    A bucket is the shapes of all inputs and the layout of the LoRAs. The first step of a bucket
    runs as it is, which also warms up its kernels; the second records it. The least recently used
    graph goes when there are more than `MOST_GRAPHS`.
    """

    def __init__(self, transformer: Any, recorder: Recorder, layout: Callable[[], Hashable]):
        """`layout` tells which modules the transformer is made of now."""
        self._transformer = transformer
        self._recorder = recorder
        self._layout = layout
        self._graphs: OrderedDict[Bucket, _Recorded | None] = OrderedDict()
        self._may_record = True
        self.recorded = 0
        self.replayed = 0

    def __getattr__(self, name: str) -> Any:
        """Whatever else somebody asks of the transformer."""
        return getattr(self._transformer, name)

    def __call__(self, **inputs: Any) -> tuple[Tensor]:
        """One step, see `Flux2Transformer2DModel.forward` with `return_dict=False`."""
        # Kept keys are tensors of their own for every set of images, and large.
        if inputs.get("kv_cache") is not None or tokens_of(inputs) > MOST_TOKENS:
            return self._eager(inputs)
        bucket = self._bucket(inputs)
        if bucket not in self._graphs:
            self._keep(bucket, None)
            return self._eager(inputs)
        self._graphs.move_to_end(bucket)
        graph = self._graphs[bucket] or self._record(bucket, inputs)
        if graph is None:
            return self._eager(inputs)
        self.replayed += 1
        return (graph(inputs),)

    def clear(self) -> None:
        """Forget all graphs and give their memory back."""
        self._graphs.clear()

    def _eager(self, inputs: Inputs) -> tuple[Tensor]:
        answer: tuple[Tensor] = self._transformer(**inputs)
        return answer

    def _bucket(self, inputs: Inputs) -> Bucket:
        shapes = ((name, one.shape, one.dtype) for name, one in _tensors(inputs).items())
        return (self._layout(), *shapes)

    def _keep(self, bucket: Bucket, graph: _Recorded | None) -> None:
        self._graphs[bucket] = graph
        while len(self._graphs) > MOST_GRAPHS:
            self._graphs.popitem(last=False)

    def _record(self, bucket: Bucket, inputs: Inputs) -> _Recorded | None:
        """The graph of a step like this; None where the memory has no room for it."""
        if not self._may_record or not self._recorder.has_room(tokens_of(inputs)):
            return None
        fixed = _copied(inputs)
        try:
            replay = self._recorder.record(lambda: self._eager(fixed)[0])
        except RuntimeError as error:
            self.clear()
            if not is_out_of_memory(error):
                # Some kernels cannot be recorded; all of them run as they are.
                log.warning("steps are not recorded as graphs", exc_info=error)
                self._may_record = False
            return None
        self.recorded += 1
        graph = _Recorded(fixed, replay)
        self._keep(bucket, graph)
        return graph


class CudaRecorder:
    """Records on the GPU. All graphs share one pool: no two of them run at the same time."""

    def __init__(self, width: int, number_bytes: int) -> None:
        """For a transformer of `width` channels a token, with numbers of `number_bytes`."""
        self._width = width
        self._number_bytes = number_bytes
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, step: Step) -> Step:
        """See `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            answer = step()

        def replay() -> Tensor:
            graph.replay()
            return answer

        return replay

    def has_room(self, tokens: int) -> bool:
        """See `Recorder`."""
        free_bytes: int = torch.cuda.mem_get_info()[0]
        return step_bytes(tokens, self._width, self._number_bytes) <= SPARE_SHARE * free_bytes


def recorder_for(transformer: Any) -> Recorder | None:
    """What records steps where `transformer` stays on a GPU as it is, else None.

    Weights in fp8 are unpacked to new tensors each time, which a graph cannot have.
    """
    packed = any(weight.dtype.itemsize == 1 for weight in transformer.parameters())
    if transformer.device.type != "cuda" or packed:
        return None
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    return CudaRecorder(width, transformer.dtype.itemsize)


def tokens_of(inputs: Inputs) -> int:
    """The text and picture tokens of a step, of all pictures of a batch."""
    pictures, tokens, _ = inputs["hidden_states"].shape
    return int(pictures * (tokens + inputs["encoder_hidden_states"].shape[1]))


def _tensors(inputs: Inputs) -> dict[str, Tensor]:
    """All tensors of a step by name, those within `joint_attention_kwargs` among them."""
    named = {**inputs, **(inputs.get("joint_attention_kwargs") or {})}
    return {name: one for name, one in named.items() if isinstance(one, Tensor)}


def _copied(inputs: Inputs) -> Inputs:
    """The same inputs in tensors of their own."""
    copied = {name: one.clone() if isinstance(one, Tensor) else one for name, one in inputs.items()}
    if attention := inputs.get("joint_attention_kwargs"):
        copied["joint_attention_kwargs"] = _copied(attention)
    return copied
