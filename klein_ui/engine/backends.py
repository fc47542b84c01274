"""Kernels of the attention: torch's own, or those of a package that is installed on this machine.

Which is fastest depends on the card. All but torch's own choice round in another way, so their
pictures are not those of the stock pipeline to the last bit; sage also computes in 8 bits.
Kernels that diffusers would download as code from the hub are not among them.
"""

from typing import Any, Final

from klein_ui.contract import EngineFailed

NATIVE: Final = "native"

BACKENDS: Final = {
    NATIVE: "NATIVE",
    "cudnn": "_NATIVE_CUDNN",
    "flash": "FLASH",
    "flash-3": "_FLASH_3",
    "math": "_NATIVE_MATH",
    "sage": "SAGE",
    "xformers": "XFORMERS",
}
"""What diffusers calls each of them, in its `AttentionBackendName`."""

MASKLESS: Final = frozenset({"flash", "flash-3", "sage"})
"""Those that refuse a mask, which the strength of a reference is."""

ONLY_CUDA: Final = frozenset({"cudnn", "flash", "flash-3", "sage", "xformers"})


def usable(device: str) -> tuple[str, ...]:
    """The names in `BACKENDS` that can run on `device` with what is installed here."""
    return tuple(name for name in BACKENDS if _why_not(name, device) == "")


def check(name: str, device: str) -> None:
    """Raises `EngineFailed` where the kernels `name` cannot run on `device`."""
    why = _why_not(name, device)
    if why:
        raise EngineFailed(
            f"--attention {name} cannot be used: {why}; choose {' or '.join(usable(device))}."
        )


def use(transformer: Any, name: str) -> None:
    """Have the attention of `transformer`, and of no other model, run with the kernels `name`."""
    from diffusers.models.attention_dispatch import AttentionBackendName

    for block in (*transformer.transformer_blocks, *transformer.single_transformer_blocks):
        # Not `set_attention_backend`, which sets the choice for every model of the process.
        block.attn.processor._attention_backend = AttentionBackendName[BACKENDS[name]]


def _why_not(name: str, device: str) -> str:
    if name not in BACKENDS:
        return "there are no such kernels"
    if name in ONLY_CUDA and device != "cuda":
        return f"it needs a CUDA device, and this one is {device}"
    if name == NATIVE:
        return ""
    # Takes seconds to import, for which nobody waits who chose no kernels.
    from diffusers.models import attention_dispatch

    try:
        attention_dispatch._check_attention_backend_requirements(
            attention_dispatch.AttentionBackendName[BACKENDS[name]]
        )
    except RuntimeError:
        return "its package is not installed, or too old"
    return ""
