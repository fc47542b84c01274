"""LoRA files: both namings mean the same modules, and whatever is wrong is one sentence."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import Flux2KleinPipeline
from diffusers.loaders.lora_conversion_utils import (
    _convert_kohya_flux2_lora_to_diffusers,
    _convert_non_diffusers_flux2_lora_to_diffusers,
)
from torch import Tensor, nn

from klein_ui.contract import InvalidLora
from klein_ui.engine import lora
from klein_ui.engine.lora import LoraReader, LoraWeights
from klein_ui.loras import LoraShelf

from .lora_files import (
    Numbers,
    as_diffusers,
    as_kohya,
    as_original,
    original_pairs,
    pairs,
    saved,
)

BLOCK = "transformer.transformer_blocks.0.attn.to_q"


@pytest.fixture(scope="module")
def transformer(small_model: Path) -> Any:
    return Flux2KleinPipeline.from_pretrained(small_model).transformer


@pytest.fixture(scope="module")
def linears(transformer: Any) -> dict[str, nn.Linear]:
    named = transformer.named_modules()
    return {name: module for name, module in named if isinstance(module, nn.Linear)}


@pytest.fixture
def read(linears: dict[str, nn.Linear], tmp_path: Path) -> Callable[..., LoraWeights]:
    """Saves keys as a file and reads that."""

    def from_keys(
        keys: Numbers, metadata: dict[str, str] | None = None, dtype: torch.dtype = torch.float32
    ) -> LoraWeights:
        saved(tmp_path, "ink", keys, metadata)
        return LoraReader(linears, dtype).read(LoraShelf(tmp_path).file("ink"))

    return from_keys


def deltas(weights: LoraWeights) -> Numbers:
    """What is added to each weight."""
    return {module: one.up @ one.down for module, one in weights.factors.items()}


def equal(found: Numbers, wanted: Numbers) -> bool:
    return found.keys() == wanted.keys() and all(
        torch.allclose(found[module], wanted[module], atol=1e-5) for module in wanted
    )


def as_told(keys: Numbers) -> Numbers:
    """What is added by keys in diffusers' naming."""
    modules = {key.removeprefix("transformer.").rpartition(".lora_")[0] for key in keys}
    return {
        module: keys[f"transformer.{module}.lora_B.weight"]
        @ keys[f"transformer.{module}.lora_A.weight"]
        for module in modules
    }


def plain(rank: int = 2) -> Numbers:
    """A pair for one module of 32 by 32."""
    made = torch.Generator().manual_seed(0)
    return {
        f"{BLOCK}.lora_A.weight": torch.randn(rank, 32, generator=made),
        f"{BLOCK}.lora_B.weight": torch.randn(32, rank, generator=made),
    }


def renamed(keys: Numbers, old: str, new: str) -> Numbers:
    return {key.replace(old, new): tensor for key, tensor in keys.items()}


@pytest.mark.parametrize("prefix", ["transformer.", "", "diffusion_model.", "base_model.model."])
@pytest.mark.parametrize("halves", [("lora_A", "lora_B"), ("lora_down", "lora_up")])
def test_diffusers_naming_reaches_every_module(
    read: Any, transformer: Any, linears: Any, prefix: str, halves: tuple[str, str]
) -> None:
    made = pairs(transformer, 3, 0)
    told = as_diffusers(made).items()
    keys = {key.replace("transformer.", prefix, 1): tensor for key, tensor in told}
    keys = renamed(renamed(keys, "lora_A", halves[0]), "lora_B", halves[1])
    weights = read(keys)
    assert weights.factors.keys() == linears.keys()
    assert weights.rank == 3
    assert equal(deltas(weights), {module: up @ down for module, (down, up) in made.items()})


@pytest.mark.parametrize("prefix", ["diffusion_model.", "", "base_model.model."])
def test_the_original_naming_goes_where_diffusers_takes_it(
    read: Any, transformer: Any, linears: Any, prefix: str
) -> None:
    keys = as_original(original_pairs(transformer, 3, 1))
    theirs = as_told(_convert_non_diffusers_flux2_lora_to_diffusers(dict(keys)))
    ours = deltas(read(renamed(keys, "diffusion_model.", prefix)))
    assert equal(ours, theirs)
    assert linears.keys() - ours.keys() == {"norm_out.linear"}


def test_the_last_modulation_has_its_halves_the_other_way_round(read: Any) -> None:
    """The original has shift before scale. diffusers swaps them in the weights, yet not in LoRAs;
    here they are where they belong."""
    down, up = torch.randn(2, 32), torch.randn(64, 2)
    name = "diffusion_model.final_layer.adaLN_modulation.1"
    found = deltas(read({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}))
    shift, scale = (up @ down).chunk(2)
    assert equal(found, {"norm_out.linear": torch.cat([scale, shift])})


@pytest.mark.parametrize("alpha", [1.0, 4.0, 0.5])
def test_kohyas_naming_and_alpha_go_where_diffusers_takes_them(
    read: Any, transformer: Any, alpha: float
) -> None:
    made = original_pairs(transformer, 4, 2)
    in_blocks = {name: pair for name, pair in made.items() if "_blocks" in name}
    keys = as_kohya(in_blocks, alpha)
    theirs = as_told(_convert_kohya_flux2_lora_to_diffusers(dict(keys)))
    assert equal(deltas(read(keys)), theirs)


def test_fused_modules_share_what_is_the_same(read: Any) -> None:
    name = "diffusion_model.double_blocks.0.img_attn.qkv"
    weights = read(
        {f"{name}.lora_A.weight": torch.randn(4, 32), f"{name}.lora_B.weight": torch.randn(96, 4)}
    )
    assert len({id(one.down) for one in weights.factors.values()}) == 1
    assert weights.size_bytes == 4 * (4 * 32 + 96 * 4)


@pytest.mark.parametrize(
    ("config", "gain"),
    [
        ({}, 1.0),
        ({"transformer.lora_alpha": 8, "transformer.r": 2}, 4.0),
        ({"transformer.lora_alpha": 8, "transformer.use_rslora": True}, 8 / 2**0.5),
        ({"transformer.lora_alpha": 8, "transformer.alpha_pattern": {"attn.to_q": 1}}, 0.5),
        ({"transformer.lora_alpha": 8, "transformer.alpha_pattern": {"to_k": 1}}, 4.0),
        ({"lora_alpha": 8, "alpha_pattern": {}}, 4.0),
    ],
)
def test_peft_says_the_alpha_in_its_metadata(read: Any, config: object, gain: float) -> None:
    keys = plain()
    found = deltas(read(keys, {"format": "pt", "lora_adapter_metadata": json.dumps(config)}))
    assert equal(found, {module: gain * one for module, one in as_told(keys).items()})


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"lora_alpha": "8"}',
        '{"lora_alpha": NaN}',
        '{"lora_alpha": 1' + "0" * 400 + "}",
        '{"alpha_pattern": [1]}',
        '{"alpha_pattern": {"(a+)+$": 1}}',
        '{"use_dora": true}',
    ],
)
def test_settings_that_cannot_be_followed_say_so(read: Any, config: str) -> None:
    with pytest.raises(InvalidLora, match="has settings that the app cannot follow"):
        read(plain(), {"lora_adapter_metadata": config})


@pytest.mark.parametrize("alpha", [torch.tensor(1), torch.tensor([1.0], dtype=torch.bfloat16)])
def test_an_alpha_may_be_whole_or_alone_in_a_row(read: Any, alpha: Tensor) -> None:
    keys = plain() | {f"{BLOCK}.alpha": alpha}
    assert equal(
        deltas(read(keys)), {"transformer_blocks.0.attn.to_q": as_told(plain()).popitem()[1] / 2}
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_factors_come_in_the_numbers_of_the_model(read: Any, dtype: torch.dtype) -> None:
    keys = {key: tensor.to(dtype) for key, tensor in plain().items()}
    factors = read(keys, dtype=torch.bfloat16).factors["transformer_blocks.0.attn.to_q"]
    assert {factors.down.dtype, factors.up.dtype} == {torch.bfloat16}
    assert torch.equal(factors.down, keys[f"{BLOCK}.lora_A.weight"].to(torch.bfloat16))


def test_the_digest_is_that_of_the_file(read: Any, tmp_path: Path) -> None:
    one = read(plain()).digest
    assert one == read(plain()).digest
    assert one != read(plain(), {"note": "other"}).digest
    assert len(one) == 64


FAULTS: dict[str, tuple[Callable[[], Numbers], str]] = {
    "another module": (
        lambda: plain() | renamed(plain(), "blocks.0", "blocks.7"),
        "holds “transformer.transformer_blocks.7.attn.to_q.lora_A.weight”, which this model",
    ),
    "no linear": (lambda: renamed(plain(), "to_q", "norm_q"), "which this model does not have"),
    "no lora": (lambda: {"weight": torch.zeros(2)}, "holds “weight”, which this model"),
    "magnitudes": (
        lambda: plain() | {f"{BLOCK}.lora_magnitude_vector": torch.zeros(32)},
        "which this model does not have",
    ),
    "a bias": (lambda: plain() | {f"{BLOCK}.lora_B.bias": torch.zeros(32)}, "does not have"),
    "an evil key": (lambda: {"\n<b>" + "x" * 200: torch.zeros(1)}, "holds “\\?<b>x{76}…”"),
    "nothing": (dict, "is empty; choose another"),
    "only down": (lambda: dict([*plain().items()][:1]), "holds only a part of"),
    "only up": (lambda: dict([*plain().items()][1:]), "holds only a part of"),
    "only alpha": (lambda: {f"{BLOCK}.alpha": torch.tensor(1.0)}, "holds only a part of"),
    "twice by name": (
        lambda: plain() | renamed(plain(), "transformer.transf", "transf"),
        "changes “transformer_blocks.0.attn.to_q” twice",
    ),
    "twice by half": (lambda: plain() | renamed(plain(), "lora_A", "lora_down"), "twice"),
    "too wide": (
        lambda: plain() | {f"{BLOCK}.lora_A.weight": torch.zeros(2, 33)},
        "does not fit this model at “transformer.transformer_blocks.0.attn.to_q”",
    ),
    "too high": (lambda: plain() | {f"{BLOCK}.lora_B.weight": torch.zeros(31, 2)}, "does not fit"),
    "two ranks": (lambda: plain() | {f"{BLOCK}.lora_B.weight": torch.zeros(32, 3)}, "not fit"),
    "turned": (lambda: {key: one.T for key, one in plain().items()}, "does not fit"),
    "a cube": (
        lambda: {key: one[..., None, None] for key, one in plain().items()},
        "does not fit",
    ),
    "one number": (
        lambda: plain() | {f"{BLOCK}.lora_A.weight": torch.tensor(1.0)},
        "does not fit",
    ),
    "no rank": (lambda: plain(0), "does not fit"),
    "huge rank": (lambda: plain(257), "has a rank of 257; choose one of at most 256"),
    "whole numbers": (
        lambda: {key: one.to(torch.int8) for key, one in plain().items()},
        "holds I8 numbers in .*save it as F32, F16 or BF16",
    ),
    "complex": (
        lambda: {key: one.to(torch.complex64) for key, one in plain().items()},
        "holds C64 numbers",
    ),
    "fp8": (
        lambda: {key: one.to(torch.float8_e4m3fn) for key, one in plain().items()},
        "holds F8_E4M3 numbers",
    ),
    "nan": (
        lambda: plain() | {f"{BLOCK}.lora_A.weight": torch.full((2, 32), torch.nan)},
        "holds numbers in .*lora_A.weight” that are not finite",
    ),
    "infinite": (
        lambda: plain() | {f"{BLOCK}.lora_B.weight": torch.full((32, 2), -torch.inf)},
        "holds numbers in .*lora_B.weight” that are not finite",
    ),
    "too large for the model": (
        lambda: {key: one.double() * 1e300 for key, one in plain().items()},
        "not finite",
    ),
    "alpha nan": (lambda: plain() | {f"{BLOCK}.alpha": torch.tensor(torch.nan)}, "not finite"),
    "alphas": (lambda: plain() | {f"{BLOCK}.alpha": torch.ones(2)}, "more than one number"),
    "alpha bool": (lambda: plain() | {f"{BLOCK}.alpha": torch.tensor(True)}, "holds BOOL"),
    "text encoder": (
        lambda: (
            plain()
            | {"text_encoder.model.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(2, 32)}
        ),
        "changes the text encoder as well, which the app leaves as it is",
    ),
    "kohya text encoder": (
        lambda: (
            plain() | {"lora_te1_model_layers_0_self_attn_q_proj.lora_down.weight": torch.ones(2)}
        ),
        "changes the text encoder",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_does_not_fit_says_what_is_wrong(read: Any, fault: str) -> None:
    keys, sentence = FAULTS[fault]
    with pytest.raises(InvalidLora, match=sentence) as refused:
        read(keys())
    told = str(refused.value)
    assert told.startswith("“ink.safetensors” ")
    assert told.endswith(".")
    assert "\n" not in told
    assert len(told) < 250


def test_a_half_precision_model_refuses_what_overflows_in_it(read: Any) -> None:
    keys = {key: one * 1e5 for key, one in plain().items()}
    assert read(keys, dtype=torch.bfloat16).rank == 2
    with pytest.raises(InvalidLora, match="not finite"):
        read(keys, dtype=torch.float16)


def test_nothing_is_read_before_all_of_the_header_is_checked(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoraReader, "_finite", lambda *_: pytest.fail("read numbers"))
    keys = as_diffusers({"a": (torch.zeros(2, 32), torch.zeros(32, 2))})
    with pytest.raises(InvalidLora):
        read(plain() | keys)
    with pytest.raises(InvalidLora):
        read(plain() | renamed(plain(257), "to_q", "to_v"))


class Bomb:
    """Unpickled, it would end the test run."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (3,)


def header(told: bytes) -> bytes:
    return struct.pack("<Q", len(told)) + told


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "pickle": lambda whole: pickle.dumps(Bomb()),
    "empty": lambda whole: b"",
    "no header": lambda whole: whole[:6],
    "half a header": lambda whole: whole[:40],
    "half the numbers": lambda whole: whole[:-100],
    "more than said": lambda whole: whole + b"\0",
    "header as large as memory": lambda whole: struct.pack("<Q", 2**62) + whole[8:],
    "no json": lambda whole: header(b"{'a': 1}"),
    "outside of the file": lambda whole: header(
        b'{"a.lora_A.weight":{"dtype":"F32","shape":[9,9],"data_offsets":[0,324]}}'
    ),
    "backwards": lambda whole: header(
        b'{"a.lora_A.weight":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}    '
    ),
    "shape of another size": lambda whole: (
        header(b'{"a.lora_A.weight":{"dtype":"F32","shape":[99,99],"data_offsets":[0,4]}}')
        + b"abcd"
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_no_safetensors_file_is_never_believed(
    linears: Any, tmp_path: Path, damage: str
) -> None:
    path = saved(tmp_path, "ink", plain())
    path.write_bytes(DAMAGED[damage](path.read_bytes()))
    with pytest.raises(InvalidLora, match=r"“ink\.safetensors” is damaged or no safetensors file"):
        LoraReader(linears, torch.float32).read(LoraShelf(tmp_path).file("ink"))


def test_a_pickle_of_torch_is_never_unpickled(linears: Any, tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    torch.save({"a": Bomb()}, path)
    with pytest.raises(InvalidLora, match="no safetensors file"):
        LoraReader(linears, torch.float32).read(LoraShelf(tmp_path).file("ink"))


def test_a_file_too_large_is_not_even_opened(
    linears: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ink.safetensors"
    with path.open("wb") as file:
        file.truncate(lora.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(lora, "safe_open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(InvalidLora, match="is larger than 2 GB; choose a smaller LoRA"):
        LoraReader(linears, torch.float32).read(LoraShelf(tmp_path).file("ink"))


def test_a_file_that_goes_or_changes_meanwhile_says_so(linears: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, "ink", plain())
    reader, file = LoraReader(linears, torch.float32), LoraShelf(tmp_path).file("ink")
    os.utime(path, ns=(0, 0))
    with pytest.raises(InvalidLora, match="was changed while it was read; try again"):
        reader.read(file)
    path.unlink()
    with pytest.raises(InvalidLora, match="cannot be read; check that the app may open it"):
        reader.read(file)
