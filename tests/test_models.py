"""The registry and rows made from folders."""

import json
from pathlib import Path

import pytest

from klein_ui import models
from klein_ui.contract import EngineFailed


def test_postcard_is_the_built_in_row() -> None:
    row = models.get("postcard")
    assert row.built_in
    assert Path(row.repo, "model_index.json").is_file()
    assert row.text_encoder_out_layers
    assert row.max_sequence_length >= 128


def test_klein_is_what_the_hub_calls_it() -> None:
    row = models.get("klein-4b")
    assert row.repo == "black-forest-labs/FLUX.2-klein-4B"
    assert (row.steps, row.guidance_scale, row.default_side) == (4, 1.0, 1024)
    assert row.text_encoder_out_layers == (9, 18, 27)


def test_the_family_is_there_with_its_licences() -> None:
    rows = {name: models.get(name) for name in models.names()}
    free = {name for name, row in rows.items() if row.licence == "Apache-2.0"}
    assert free == {"klein-4b", "klein-base-4b", "postcard"}
    assert all(bool(row.restriction) == (name not in free) for name, row in rows.items())
    guided = {name for name, row in rows.items() if row.is_guided}
    assert guided == {"klein-base-4b", "klein-base-9b", "dev"}


@pytest.mark.parametrize("text", ["", "[]", "nothing"])
def test_an_index_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("model_index.json").write_text(text)
    with pytest.raises(EngineFailed, match="get the model again"):
        models.from_folder(tmp_path)


def test_a_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(EngineFailed, match="klein-4b, postcard"):
        models.get("klein")


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"model_index\.json"):
        models.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("packed", "says"),
    [({"quant_method": "torchao"}, "packed by torchao"), ({}, "packed by another package")],
)
def test_weights_that_another_package_packed_are_refused(
    tmp_path: Path, packed: dict[str, str], says: str
) -> None:
    tmp_path.joinpath("model_index.json").write_text("{}")
    tmp_path.joinpath("transformer").mkdir()
    config = tmp_path / "transformer" / "config.json"
    config.write_text(json.dumps({"quantization_config": packed}))
    with pytest.raises(EngineFailed, match=f"{says}, .* with --memory fp8 where room is short"):
        models.from_folder(tmp_path)
    with pytest.raises(EngineFailed, match=f"in the hub's “a/b” are {says}"):
        models.from_hub("a/b", "main", tmp_path)
    config.write_text("[]")
    with pytest.raises(EngineFailed, match="get the model again"):
        models.from_folder(tmp_path)


def test_a_repo_of_single_files_says_what_to_choose(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="The hub's “a/b-fp8” holds no diffusers pipeline"):
        models.from_hub("a/b-fp8", "main", tmp_path / "not-even-there")


def test_a_folder_may_bring_its_own_numbers(tmp_path: Path) -> None:
    tmp_path.joinpath("model_index.json").write_text("{}")
    sides = {"min_side": 64, "draft_side": 128, "default_side": 256, "max_side": 256}
    own = {"text_encoder_out_layers": [1, 2], "max_sequence_length": 64, **sides}
    tmp_path.joinpath("klein_ui.json").write_text(json.dumps(own))
    row = models.from_folder(tmp_path)
    assert row.text_encoder_out_layers == (1, 2)
    assert (row.max_side, row.max_sequence_length, row.name) == (256, 64, tmp_path.name)
    assert not row.built_in


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"repo": "x"}',
        '{"text_encoder_out_layers": 5}',
        '{"text_encoder_out_layers": []}',
        '{"max_side": "256"}',
        '{"max_side": true}',
        '{"max_side": 0}',
    ],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("model_index.json").write_text("{}")
    tmp_path.joinpath("klein_ui.json").write_text(text)
    with pytest.raises(EngineFailed, match="not readable as settings"):
        models.from_folder(tmp_path)


def test_sides_must_fit_the_grid(tmp_path: Path) -> None:
    tmp_path.joinpath("model_index.json").write_text("{}")
    tmp_path.joinpath("klein_ui.json").write_text('{"max_side": 250}')
    with pytest.raises(EngineFailed, match="multiples of 16"):
        models.from_folder(tmp_path)


@pytest.mark.parametrize("text", ['{"max_side": 512}', '{"max_area": 1024}', '{"min_side": 2000}'])
def test_limits_must_agree(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("model_index.json").write_text("{}")
    tmp_path.joinpath("klein_ui.json").write_text(text)
    with pytest.raises(EngineFailed, match=r"disagree|multiples"):
        models.from_folder(tmp_path)
