"""The memory plan: what fits, in which order, and whether it says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import flags, models
from klein_ui.contract import EngineFailed
from klein_ui.engine import memory
from klein_ui.engine.memory import Plan, amount, plan
from klein_ui.engine.recipes import (
    CPU,
    CPU_FLOAT32,
    FP8,
    FP8_OFFLOAD,
    FP8_TEXT,
    OFFLOAD,
    RESIDENT,
    Model,
    Part,
    Recipe,
    Room,
    ladder,
)
from klein_ui.engine.work import SAFETY, Widths, largest, usual, work
from klein_ui.models import KLEIN_4B, ModelRow

GB = 10**9

# Counted in the stock classes with the shapes of the weights, the text encoder cut after layer 27,
# that of dev after 30.
VAE = Part(84_046_115)
KLEIN_4B_SIZES = Model(
    title=KLEIN_4B.title,
    text_encoder=Part(3_114_100_000, 2_725_000_000, 24_903_680),
    transformer=Part(3_875_544_576, 3_680_501_760, 84_934_656),
    vae=VAE,
    widths=Widths(transformer=3072, text=2560, text_layers=27, vae=256),
)
KLEIN_9B_SIZES = Model(
    title=models.KLEIN_9B.title,
    text_encoder=Part(5_831_900_000, 5_209_300_000, 50_331_648),
    transformer=Part(9_078_581_248, 8_724_152_320, 150_994_944),
    vae=VAE,
    widths=Widths(transformer=4096, text=4096, text_layers=27, vae=256),
)

DEV_SIZES = Model(
    title=models.DEV.title,
    text_encoder=Part(17_343_754_240, 16_672_358_400, 167_772_160),
    transformer=Part(32_223_281_152, 31_406_948_352, 339_738_624),
    vae=VAE,
    widths=Widths(transformer=6144, text=5120, text_layers=30, vae=256),
)

counts = st.integers(10**6, 4 * 10**10)
amounts = st.integers(0, 10**11)
wanted = st.sampled_from(flags.MEMORY)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    weights = draw(counts)
    castable = draw(st.integers(0, weights))
    return Part(weights, castable, draw(st.integers(0, castable)))


@st.composite
def sizes(draw: st.DrawFn) -> Model:
    width = st.integers(64, 8192)
    layers = st.integers(1, 64)
    widths = Widths(
        draw(width), draw(width), draw(layers), draw(st.integers(4, 512)), draw(st.integers(0, 64))
    )
    return Model(
        "a model", draw(parts()), draw(parts()), VAE, widths, draw(st.sampled_from([2, 4]))
    )


@st.composite
def rooms(draw: st.DrawFn) -> Room:
    device = draw(st.sampled_from(["cuda", "mps", "cpu"]))
    main_bytes = draw(amounts)
    return Room(device, main_bytes if device == "cpu" else draw(amounts), main_bytes)


rows = st.sampled_from(models.ROWS)


def rank(made: Plan, device: str) -> int:
    return ladder(device, "auto").index(made.rung)


@given(sizes(), rows, rooms(), amounts, amounts)
def test_more_room_never_gives_a_worse_plan(
    model: Model, row: ModelRow, room: Room, more_free: int, more_main: int
) -> None:
    main_bytes = room.main_bytes + more_main
    free_bytes = main_bytes if room.device == "cpu" else room.free_bytes + more_free
    larger = Room(room.device, free_bytes, main_bytes)
    before, after = plan(model, row, room), plan(model, row, larger)
    assert rank(after, room.device) <= rank(before, room.device)


@given(sizes(), rows, rooms())
def test_a_plan_never_needs_more_than_there_is_unless_it_is_the_last(
    model: Model, row: ModelRow, room: Room
) -> None:
    made = plan(model, row, room)
    free_bytes = room.bytes_for(made.recipe)
    assert made.needs_bytes <= free_bytes or made.rung == ladder(room.device, "auto")[-1]
    assert made.fits == (made.needs_bytes <= free_bytes)
    assert made.needs_bytes >= made.work_bytes or made.recipe.turns


@given(sizes(), rows, rooms())
def test_every_plan_says_what_is_needed_and_what_is_there(
    model: Model, row: ModelRow, room: Room
) -> None:
    made = plan(model, row, room)
    best = ladder(room.device, "auto")[0].recipe
    best_work = work(model.widths, largest(row), best.number_bytes(model))
    assert f"needs {amount(best.held_bytes(model))} in " in made.why
    assert f"and {amount(best_work.most_bytes)} to work" in made.why
    assert f"has {amount(room.free_bytes)} free" in made.why
    assert made.why.endswith(".")
    assert ("lossy" in made.why) == bool(made.recipe.in_fp8)
    assert ("--memory" in made.why) <= bool(made.recipe.in_fp8)
    assert ("may not fit" in made.why) >= (not made.rung.for_all_sizes)


@given(sizes(), rows, rooms(), wanted)
def test_what_is_asked_for_is_done_or_refused(
    model: Model, row: ModelRow, room: Room, way: str
) -> None:
    try:
        recipe = plan(model, row, room, way).recipe
    except EngineFailed as refused:
        assert way != "auto"
        assert "more than" in str(refused) or "device cannot do" in str(refused)
        return
    if way != "auto":
        assert bool(recipe.in_fp8) == (way == "fp8")
    if way in ("resident", "offload"):
        assert recipe.turns == (way == "offload")


@given(sizes(), rows, rooms())
def test_fp8_is_left_alone_where_there_is_no_gpu_that_knows_it(
    model: Model, row: ModelRow, room: Room
) -> None:
    recipe = plan(model, row, room).recipe
    assert room.device == "cuda" or not (recipe.in_fp8 or recipe.turns)


@pytest.mark.parametrize(
    ("model", "free_gb", "recipe", "for_all_sizes"),
    [
        (KLEIN_4B_SIZES, 23.6, RESIDENT, True),
        (KLEIN_4B_SIZES, 18.0, FP8_TEXT, True),
        (KLEIN_4B_SIZES, 15.5, FP8, True),
        (KLEIN_4B_SIZES, 11.2, FP8, False),
        (KLEIN_4B_SIZES, 9.6, FP8_OFFLOAD, True),
        (KLEIN_4B_SIZES, 7.4, FP8_OFFLOAD, False),
        (KLEIN_4B_SIZES, 5.5, CPU_FLOAT32, True),
        (KLEIN_9B_SIZES, 45.0, RESIDENT, True),
        (KLEIN_9B_SIZES, 32.5, FP8_TEXT, True),
        (KLEIN_9B_SIZES, 23.6, FP8, True),
        (KLEIN_9B_SIZES, 15.5, FP8_OFFLOAD, False),
        (KLEIN_9B_SIZES, 9.0, CPU, True),
        (DEV_SIZES, 139.0, RESIDENT, True),
        (DEV_SIZES, 79.0, FP8, True),
        (DEV_SIZES, 47.0, FP8_OFFLOAD, True),
    ],
)
def test_klein_on_cards_that_people_have(
    model: Model, free_gb: float, recipe: Recipe, for_all_sizes: bool
) -> None:
    made = plan(model, KLEIN_4B, Room("cuda", int(free_gb * GB), 60 * GB))
    assert (made.recipe, made.rung.for_all_sizes) == (recipe, for_all_sizes)


def test_the_published_figure_is_that_of_quantised_weights() -> None:
    """8.4 GB for the distilled 4B: its weights in fp8, and a step of 1024 × 1024."""
    step_bytes = work(KLEIN_4B_SIZES.widths, usual(KLEIN_4B), 2).steps_bytes / SAFETY
    assert FP8.held_bytes(KLEIN_4B_SIZES) + step_bytes == pytest.approx(8.4 * GB, rel=0.02)


def test_taking_turns_is_for_those_who_ask_for_it() -> None:
    made = plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cuda", 15 * GB, 30 * GB), "offload")
    assert (made.recipe, made.recipe.path) == (OFFLOAD, "eager")
    assert "moves 14.0 GB at each new prompt" in made.why


def test_the_sentence_of_a_gpu_with_room() -> None:
    made = plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cuda", int(23.6 * GB), 30 * GB))
    assert made.why == (
        "FLUX.2 [klein] 4B needs 14.1 GB in bfloat16 and 5.1 GB to work; "
        "the GPU has 23.6 GB free: all of it stays there."
    )


@pytest.mark.parametrize(
    ("free_gb", "way_out"),
    [
        (18, "(--memory resident is exact, but pictures above 1024×1024 px or with several images"),
        (15, "(--memory offload is exact, but moves 14.0 GB at each new prompt)"),
    ],
)
def test_a_lossy_plan_says_how_to_have_exact_pictures(free_gb: int, way_out: str) -> None:
    why = plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cuda", free_gb * GB, 30 * GB)).why
    assert "in fp8, which is lossy" in why
    assert way_out in why


def test_what_does_not_fit_says_how_much_is_missing() -> None:
    with pytest.raises(EngineFailed) as refused:
        plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cuda", 10 * GB, 30 * GB), "resident")
    assert str(refused.value) == (
        "FLUX.2 [klein] 4B needs 16.6 GB with --memory resident, 6.6 GB more than the GPU has "
        "free; close other programs, or start with --memory auto."
    )


@pytest.mark.parametrize(
    ("free_gb", "main_gb", "recipe"), [(20, 29, RESIDENT), (10, 60, CPU_FLOAT32), (10, 29, CPU)]
)
def test_an_apple_gpu_has_all_or_the_cpu_does_the_work(
    free_gb: int, main_gb: int, recipe: Recipe
) -> None:
    room = Room("mps", free_gb * GB, main_gb * GB)
    assert plan(KLEIN_4B_SIZES, KLEIN_4B, room).recipe == recipe


def test_a_gpu_without_room_says_that_the_cpu_does_the_work() -> None:
    made = plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cuda", 5 * GB, 60 * GB))
    assert made.why == (
        "FLUX.2 [klein] 4B needs 14.1 GB in bfloat16 and 5.1 GB to work; "
        "the GPU has 5.0 GB free: it runs on the CPU in float32, which is slow."
    )


def test_the_last_plan_says_that_it_may_fail() -> None:
    made = plan(KLEIN_4B_SIZES, KLEIN_4B, Room("cpu", 8 * GB, 8 * GB))
    assert not made.fits
    assert made.why.endswith("very slow or fail; --model postcard runs anywhere.")


def test_the_cpu_takes_float32_where_that_fits() -> None:
    weights = KLEIN_4B_SIZES.transformer.weights
    assert memory.loading_bytes(weights, 4 * weights) == 4
    assert memory.loading_bytes(weights, 4 * weights - 1) == 2


@pytest.mark.parametrize("device", ["cuda", "mps", "cpu"])
def test_what_the_settings_offer_is_known(device: str) -> None:
    for way in flags.MEMORY:
        try:
            assert ladder(device, way)
        except EngineFailed as refused:
            assert str(refused).startswith(f"A {device.upper()} device cannot do --memory {way}; ")
