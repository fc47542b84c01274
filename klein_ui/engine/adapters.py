"""LoRAs beside the weights: switched from one render to the next, the weights never touched.

A `Linear` that a LoRA is for is put into an :class:`AdaptedLinear`, which adds up @ down to it.
With no LoRA on, or only such of scale 0, the transformer is made of its own modules again, so its
pictures equal those of an engine that never had one, to the last bit, and cost nothing more.

What is compiled block by block with `torch.compile` is not compiled again for another LoRA:

- Strength and factors are numbers in tensors that keep their shapes. The rank is filled up with
  zeros to the next of `RANK_STEPS`, for all LoRAs of a request together.
- A block that a LoRA touches has all of its modules adapted, so that blocks differ in nothing but
  the step. For a size of picture a kind of block is thus compiled once without LoRAs and at most
  once for each step, whichever come; the guards on its modules find each of these again.
- Hooks would not do: compiled code does not see those that are registered or removed later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import InvalidLora, Lora, LoraFile, Loras
from klein_ui.engine.faults import is_out_of_memory
from klein_ui.engine.lora import Factors, LoraReader, LoraWeights

RANK_STEPS = (16, 64, 256, 768)

NO_FOLDER = "This app was started without a folder of LoRAs; switch them off."
TOO_MUCH = "These LoRAs have a rank of {rank:,} together, of at most {most:,}; switch one off."
NO_MEMORY = "These LoRAs do not fit into the memory beside the model; switch one off."

InUse = tuple[tuple[str, float], ...]
"""The LoRAs that are on: the SHA-256 of each file, in hex, and its scale."""


class AdaptedLinear(nn.Module):
    """`base` and a LoRA, or several side by side: W x + up (scales * (down x)).

    `down` (rank, in), `scales` (rank,) and `up` (out, rank) are zeros where there is none.
    """

    down: Tensor
    scales: Tensor
    up: Tensor

    def __init__(self, base: nn.Linear, rank: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.base = base
        shapes = {
            "down": (rank, base.in_features),
            "scales": (rank,),
            "up": (base.out_features, rank),
        }
        for name, shape in shapes.items():
            zeros = torch.zeros(shape, dtype=dtype, device=base.weight.device)
            self.register_buffer(name, zeros, persistent=False)
        self.train(base.training)

    def forward(self, x: Tensor) -> Tensor:
        """x of shape (..., in) to (..., out)."""
        low = functional.linear(x, self.down) * self.scales
        added: Tensor = self.base(x) + functional.linear(low, self.up)
        return added

    def reclaim(self) -> None:
        """Make what was moved within inference mode writable again outside of it.

        Where the components take turns, a render moves them.
        """
        for name, buffer in list(self.named_buffers(recurse=False)):
            if buffer.is_inference():
                setattr(self, name, buffer.clone())

    def wipe(self) -> None:
        """Forget all LoRAs."""
        for buffer in (self.down, self.scales, self.up):
            buffer.zero_()

    def write(self, factors: Factors, first: int) -> None:
        """Put `factors` at the rank `first` and those after it."""
        after = first + factors.down.shape[0]
        self.down[first:after].copy_(factors.down)
        self.up[:, first:after].copy_(factors.up)


@dataclass(frozen=True, slots=True)
class _Written:
    """What the adapted modules hold: the files, and for each its digest and ranks."""

    files: tuple[LoraFile, ...]
    digests: tuple[str, ...]
    ranks: tuple[int, ...]


class Adapters:
    """The LoRAs of one transformer. What was written last stays in its memory, ready to be on.

    Files are read once until they change, as far as `max_bytes` of main memory hold them.
    """

    def __init__(self, transformer: Any, source: Loras | None, max_bytes: int) -> None:
        self._transformer = transformer
        self._source = source
        self._linears: dict[str, nn.Linear] = {
            name: module
            for name, module in transformer.named_modules()
            if isinstance(module, nn.Linear)
        }
        self._blocks = tuple(
            f"{name}."
            for name, module in transformer.named_modules()
            if type(module).__name__ in transformer._repeated_blocks
        )
        self._dtype: torch.dtype = transformer.dtype
        self._reader = LoraReader(self._linears, self._dtype)
        self._cache: ByteLRU[LoraFile, LoraWeights] = ByteLRU(max_bytes)
        self._adapted: dict[str, AdaptedLinear] = {}
        self._rank = 0
        self._written: _Written | None = None
        self._scales: tuple[float, ...] = ()
        self._is_on = False
        self.files_read = 0

    @property
    def in_use(self) -> InUse:
        """The LoRAs that are on, in the order of the request that asked for them."""
        if self._written is None or not self._is_on:
            return ()
        return tuple(zip(self._written.digests, self._scales, strict=True))

    @property
    def layout(self) -> tuple[tuple[str, int, tuple[int, ...]], ...]:
        """Where the numbers of the LoRAs that are on lie: name, rank and addresses of each module.

        While it stays the same only these numbers change, and what runs.
        """
        if not self._is_on:
            return ()
        return tuple(
            (name, self._rank, tuple(one.data_ptr() for one in adapted.buffers(recurse=False)))
            for name, adapted in self._adapted.items()
        )

    def files(self, loras: Sequence[Lora]) -> tuple[LoraFile, ...]:
        """The files of those `loras` that change anything, as they are now.

        Raises `InvalidLora` where one is not there.
        """
        active = _active(loras)
        if not active:
            return ()
        if self._source is None:
            raise InvalidLora(NO_FOLDER)
        return tuple(self._source.file(lora.name) for lora in active)

    def use(self, loras: Sequence[Lora]) -> None:
        """From now on the transformer is its weights and these `loras`.

        Raises `InvalidLora` where one is not there, does not fit, or is too much with the others.
        """
        files = self.files(loras)
        if not files:
            self._put(on=False)
            return
        try:
            # Of tensors made in inference mode nothing outside of it could make use.
            with torch.inference_mode(mode=False), torch.no_grad():
                self._hold(files, tuple(lora.scale for lora in _active(loras)))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.clear()
            raise InvalidLora(NO_MEMORY) from error
        self._put(on=True)

    def stats(self) -> CacheStats:
        """Counts of the cache of files that were read."""
        return self._cache.stats()

    def clear(self) -> None:
        """All LoRAs off, and everything about them forgotten."""
        self._put(on=False)
        self._adapted, self._rank, self._written, self._scales = {}, 0, None, ()
        self._cache.clear()

    def _read(self, file: LoraFile) -> LoraWeights:
        weights = self._cache.get(file)
        if weights is None:
            self.files_read += 1
            weights = self._reader.read(file)
            self._cache.put(file, weights, weights.size_bytes)
        return weights

    def _hold(self, files: tuple[LoraFile, ...], scales: tuple[float, ...]) -> None:
        """Have all that is to be added in the adapted modules, where the weights are now."""
        for adapted in self._adapted.values():
            adapted.reclaim()
        written = self._written
        if written is None or written.files != files:
            written = self._write(files)
        if scales != self._scales:
            self._scale(written.ranks, scales)
        for adapted in self._adapted.values():
            # Where the components take turns, what was off stayed behind when the weights moved.
            adapted.to(adapted.base.weight.device)

    def _write(self, files: tuple[LoraFile, ...]) -> _Written:
        read = [self._read(file) for file in files]
        ranks = tuple(weights.rank for weights in read)
        rank = _step(sum(ranks))
        self._put(on=False)
        self._written = None
        self._adapt({module for weights in read for module in weights.factors}, rank)
        first = 0
        for weights in read:
            for module, factors in weights.factors.items():
                self._adapted[module].write(factors, first)
            first += weights.rank
        self._scales = ()
        self._written = _Written(files, tuple(weights.digest for weights in read), ranks)
        return self._written

    def _adapt(self, modules: set[str], rank: int) -> None:
        """Have empty modules of this `rank` for `modules` and all others of their blocks."""
        blocks = tuple(block for block in self._blocks if any(m.startswith(block) for m in modules))
        kept = self._adapted if rank == self._rank else {}
        self._adapted, self._rank = {}, rank
        for name, base in self._linears.items():
            if name in modules or name.startswith(blocks):
                adapted = kept.get(name) or AdaptedLinear(base, rank, self._dtype)
                adapted.wipe()
                self._adapted[name] = adapted

    def _scale(self, ranks: tuple[int, ...], scales: tuple[float, ...]) -> None:
        of_ranks = torch.zeros(self._rank)
        of_ranks[: sum(ranks)] = torch.tensor(scales).repeat_interleave(torch.tensor(ranks))
        for adapted in self._adapted.values():
            adapted.scales.copy_(of_ranks)
        self._scales = scales

    def _put(self, *, on: bool) -> None:
        """Put the adapted modules into the transformer, or its own back."""
        if on == self._is_on:
            return
        for name, adapted in self._adapted.items():
            parent, _, child = name.rpartition(".")
            setattr(self._transformer.get_submodule(parent), child, adapted if on else adapted.base)
        self._is_on = on


def _active(loras: Sequence[Lora]) -> tuple[Lora, ...]:
    return tuple(lora for lora in loras if lora.scale != 0)


def _step(rank: int) -> int:
    """The smallest of `RANK_STEPS` that `rank` fits into. Raises `InvalidLora`."""
    for step in RANK_STEPS:
        if rank <= step:
            return step
    raise InvalidLora(TOO_MUCH.format(rank=rank, most=RANK_STEPS[-1]))
