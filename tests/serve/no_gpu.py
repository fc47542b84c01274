"""The real `spaces`, as on ZeroGPU, on a machine and a build of torch without CUDA.

What only a GPU could do is stood in for: to begin CUDA in the forked process, and to move there
what was packed, which is read back from the pack into main memory instead. All else is its own.
"""

from typing import Any

import torch


def import_spaces() -> None:
    """Have it take the place of CUDA, as `app.py` does. The environment says that it is ZeroGPU."""
    torch.version.cuda = "13.0"
    vars(torch._C).setdefault("_cuda_init", lambda: None)
    # Asked in another process, so it has to be known there by its name; a build with CUDA has one.
    torch.cuda._is_in_bad_fork = is_in_bad_fork
    import spaces.zero.torch as zero_torch

    zero_torch.init = lambda uuid: None
    zero_torch.move = unpacked


def is_in_bad_fork() -> bool:
    """A build without CUDA has begun none."""
    return False


def unpacked(callback: Any = None) -> None:
    """What `spaces` moves to the GPU, put into main memory."""
    from spaces.zero.torch.patching import tensor_packs

    for pack in tensor_packs:
        with open(pack.path(), "rb") as file:
            for batch in [*pack.batches, *([one] for one in pack.big_tensors)]:
                for tensor, size, aligned_size in batch:
                    read = torch.frombuffer(bytearray(file.read(aligned_size)), dtype=torch.uint8)
                    there = torch.tensor([], dtype=tensor.dtype)
                    there.set_(read[:size].untyped_storage(), 0, tensor.shape, tensor.stride())
                    for fake in pack.fakes[tensor]:
                        fake.data = there
