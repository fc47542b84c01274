"""The twin bench on an architecture small enough for a test, and its bars."""

from dataclasses import replace

import pytest
import torch

from klein_ui import models
from klein_ui.bench import engine, twin_report, twin_rows, twins
from klein_ui.bench.twin_report import Ceilings, TwinRow, Whole, bars
from klein_ui.contract import Hooks
from klein_ui.engine.checkpoints import Checkpoints
from klein_ui.engine.device import Device

CPU = Device("cpu", torch.float32)
SMALL = twins.Twin(
    replace(
        models.KLEIN_4B,
        name="small",
        default_side=128,
        draft_side=128,
        text_encoder_out_layers=(1, 2),
        max_sequence_length=48,
    ),
    double_blocks=1,
    single_blocks=1,
    heads=2,
    text_hidden=32,
    text_mlp=64,
    text_layers=3,
    text_heads=2,
    text_kv_heads=1,
    head_dim=16,
    vocabulary=300,
    vae_channels=(32, 32, 32, 32),
)
WHOLE = Whole(9.0, 0.5, 15.0, 17.0, 1.0, 0)
ROW = TwinRow(512, 0, *(60.0,) * 6, 130.0, 2.1, 1, 1, 1, 1, 50.0, 50 / 60, True, 0)
LARGE = replace(ROW, side_px=1024, share=0.8)
EDIT = replace(ROW, references=4, times=1.5)


@pytest.fixture(scope="module")
def pair() -> twin_rows.Pair:
    return twin_rows.Pair.of(SMALL, CPU)


def test_the_cut_encoder_shares_its_weights_and_says_the_same(pair: twin_rows.Pair) -> None:
    whole, short = pair.stock.pipeline.text_encoder, pair.ours.pipeline.text_encoder
    assert (len(whole.model.layers), len(short.model.layers)) == (3, 2)
    weight = "model.layers.0.mlp.up_proj.weight"
    assert whole.get_parameter(weight) is short.get_parameter(weight)
    ids = torch.arange(6)[None]
    with torch.inference_mode():
        theirs = whole.model(ids, output_hidden_states=True).hidden_states[2]
        ours = short.model(ids, output_hidden_states=True).hidden_states[2]
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("references", [0, pytest.param(2, marks=pytest.mark.long)])
def test_a_row_is_the_same_picture_both_ways(pair: twin_rows.Pair, references: int) -> None:
    row = pair.row(128, references, keys=2, ceilings=Ceilings(0.1, 0.01))
    assert (row.side_px, row.references, row.same, row.levels) == (128, references, True, 0)
    assert row.launches is None
    assert min(row.ours_ms, row.stock_ms, row.steps_ms, row.roofline_ms) > 0


def test_the_whole_tells_what_a_stopped_and_a_repeated_render_take() -> None:
    pair = twin_rows.Pair.of(SMALL, CPU)
    whole = pair.whole(128)
    assert (whole.stop_steps_p95, whole.stop_decodes, whole.peak_gb) == (0.0, 0, None)
    assert 0 < whole.repeated_ms < 50
    assert len(pair.stock.pipeline.text_encoder.model.layers) == 2


def test_a_device_that_runs_ahead_is_seen_to(
    pair: twin_rows.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_ahead(device: torch.device, hooks: Hooks) -> Checkpoints:
        return Checkpoints(hooks, lambda: lambda: None, ahead=2)

    monkeypatch.setattr(Checkpoints, "on", two_ahead)
    steps, decodes = pair._stopped(pair.ours.request(128))
    assert (set(steps), decodes) == ({2.0}, 0)


def test_the_ceilings_are_of_this_machine() -> None:
    found = twin_rows.ceilings(CPU, side=64, copied_bytes=2**16)
    assert found.matmul_tflops > 0
    assert found.copy_tb_s > 0


def test_good_rows_keep_all_bars() -> None:
    kept = bars("NVIDIA H200", "klein-4b", WHOLE, (ROW, LARGE, EDIT))
    assert len(kept) == 8
    assert all(bar.ok for bar in kept)


@pytest.mark.parametrize(
    ("whole", "row"),
    [
        (replace(WHOLE, repeated_ms=5.1), LARGE),
        (replace(WHOLE, stop_steps_p95=1.1), LARGE),
        (replace(WHOLE, stop_decodes=1), LARGE),
        (replace(WHOLE, peak_gb=15.4), LARGE),
        (WHOLE, replace(ROW, times=1.9)),
        (WHOLE, replace(ROW, share=0.7)),
        (WHOLE, replace(LARGE, share=0.7)),
        (WHOLE, replace(EDIT, times=1.3)),
    ],
)
def test_each_bar_can_fail(whole: Whole, row: TwinRow) -> None:
    assert [bar.ok for bar in bars("NVIDIA H200", "klein-4b", whole, (row,))].count(False) == 1


def test_the_bars_are_of_one_card_and_one_model() -> None:
    assert bars("NVIDIA L4", "klein-4b", WHOLE, (ROW,)) == ()
    assert bars("NVIDIA H200", "klein-9b", WHOLE, (ROW,)) == ()


def test_a_report_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin_rows, "ceilings", lambda device: Ceilings(0.1, 0.01))
    monkeypatch.setattr(twin_rows, "COUNTS", (0,))
    report = twin_rows.measured(SMALL, CPU, keys=1, command="bench", sides=(128,))
    text = twin_report.as_text(report)
    assert "small with random weights" in text
    assert len(report.rows) == 1


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(SystemExit, match="klein-4b or klein-9b"):
        engine.measured_twin("klein", 1, "bench")
