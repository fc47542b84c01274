"""Several pictures in one forward: each as it is alone, and each leaves by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from klein_ui import models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import (
    EngineFailed,
    Frame,
    Hooks,
    InvalidLora,
    Lora,
    Outcome,
    Pixels,
    Reference,
    Render,
    Request,
    Stage,
    Superseded,
)
from klein_ui.engine import choosing, loader
from klein_ui.engine.checkpoints import Checkpoints
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.seats import Seats
from klein_ui.engine.together import joined
from klein_ui.loras import LoraShelf

from .lora_files import as_diffusers, pairs, saved
from .rendering import CACHE_BYTES, load, prepared, render, request

ALBUM = Album({"one": photo(64, 64, 0)})
PROMPTS = ("a red sun", "", "夜 🌋", "x" * 300)
STAYS = Hooks()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads share the rows of a matrix between them by their number, which moves the
    last bit of a few."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def engine(small_model: Path) -> KleinEngine:
    return load(small_model, ALBUM)


class Forwards:
    """How many pictures each forward of the transformer was of."""

    def __init__(self, engine: KleinEngine) -> None:
        self.sizes: list[int] = []
        transformer = engine._pipeline.transformer
        transformer.register_forward_pre_hook(self.note, with_kwargs=True)

    def note(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        self.sizes.append(kwargs["hidden_states"].shape[0])


def batch(count: int, **fields: object) -> list[Request]:
    """Requests that differ in prompt and seed."""
    return [request(prompt=PROMPTS[n], seed=n, **fields) for n in range(count)]


def together(
    engine: KleinEngine, wanted: Sequence[Request], hooks: Sequence[Hooks] = ()
) -> list[Outcome]:
    told = list(hooks) or [STAYS] * len(wanted)
    renders = [Render(one, Stage.DRAFT, how) for one, how in zip(wanted, told, strict=True)]
    found = dict(engine.render_together(renders))
    assert sorted(found) == list(range(len(wanted)))
    return [found[place] for place in range(len(wanted))]


def frames(outcomes: Sequence[Outcome]) -> list[Frame]:
    assert all(isinstance(one, Frame) for one in outcomes), outcomes
    return [one for one in outcomes if isinstance(one, Frame)]


def leaves_after(steps: int) -> Hooks:
    return Hooks(superseded=lambda steps_done: steps_done >= steps)


def alone(engine: KleinEngine, wanted: Request) -> Pixels:
    """What a render that nothing is kept of shows."""
    engine._frames.clear()
    return render(engine, wanted)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("width", "height", "steps"), [(64, 64, 4), (96, 48, 1), (128, 128, 2)])
def test_each_picture_of_a_batch_is_the_one_made_alone(
    engine: KleinEngine, count: int, width: int, height: int, steps: int
) -> None:
    wanted = batch(count, width=width, height=height, steps=steps)
    forwards = Forwards(engine)
    made = frames(together(engine, wanted))
    assert forwards.sizes == [count] * steps
    for frame, one in zip(made, wanted, strict=True):
        assert (frame.request, frame.stage) == (one, Stage.DRAFT)
        assert np.array_equal(frame.pixels, alone(engine, one))


def test_on_several_threads_it_is_at_most_a_level_away(engine: KleinEngine) -> None:
    torch.set_num_threads(2)
    wanted = batch(3, width=48, height=48)
    for frame, one in zip(frames(together(engine, wanted)), wanted, strict=True):
        apart = np.abs(frame.pixels.astype(int) - alone(engine, one))
        assert apart.max() <= 1


def test_guided_pictures_are_asked_twice_each_step_all_together(small_base_model: Path) -> None:
    engine = load(small_base_model, ALBUM)
    wanted = batch(3, steps=3, guidance_scale=4.0)
    forwards = Forwards(engine)
    made = frames(together(engine, wanted))
    assert forwards.sizes == [3] * 6
    for frame, one in zip(made, wanted, strict=True):
        assert np.array_equal(frame.pixels, alone(engine, one))


def test_kv_trained_weights_without_images_too(small_kv_model: Path) -> None:
    engine = load(small_kv_model, ALBUM)
    wanted = batch(2)
    for frame, one in zip(frames(together(engine, wanted)), wanted, strict=True):
        assert np.array_equal(frame.pixels, alone(engine, one))


def test_a_batch_with_a_lora_is_of_that_lora(small_model: Path, tmp_path: Path) -> None:
    engine = load(small_model, ALBUM, loras=LoraShelf(tmp_path))
    saved(tmp_path, "ink", as_diffusers(pairs(engine._pipeline.transformer, 4, 0)))
    plain, inked = batch(2), batch(2, loras=(Lora("ink", 0.5),))
    made = frames(together(engine, inked))
    for frame, one, other in zip(made, inked, plain, strict=True):
        assert len(frame.origin.loras) == 1
        assert np.array_equal(frame.pixels, alone(engine, one))
        assert not np.array_equal(frame.pixels, alone(engine, other))


@pytest.mark.parametrize("at", [0, 1, 2, 4])
def test_one_that_is_superseded_leaves_and_the_others_go_on(engine: KleinEngine, at: int) -> None:
    wanted = batch(3)
    forwards = Forwards(engine)
    made = together(engine, wanted, [STAYS, leaves_after(at), STAYS])
    sizes = [3] * at + [2] * (4 - at)
    assert forwards.sizes == sizes
    assert isinstance(made[1], Superseded)
    assert engine.decodes == 2
    assert not engine.has(wanted[1])
    told = sizes[:1] if len(set(sizes)) == 1 else sizes
    for place in (0, 2):
        (frame,) = frames([made[place]])
        assert frame.origin.path == f"eager, batch of {', '.join(map(str, told))}"
        assert np.array_equal(frame.pixels, alone(engine, wanted[place]))


def test_one_that_cannot_be_encoded_fails_by_itself(small_model: Path, tmp_path: Path) -> None:
    engine = load(small_model, ALBUM, loras=LoraShelf(tmp_path))
    plain, broken = batch(2)
    (tmp_path / "broken.safetensors").write_bytes(b"no safetensors")
    outcomes = together(engine, [plain, replace(broken, loras=(Lora("broken"),))])
    assert isinstance(outcomes[1], InvalidLora)
    assert isinstance(outcomes[0], Frame)
    assert np.array_equal(outcomes[0].pixels, alone(load(small_model, ALBUM), plain))


def test_when_all_leave_nothing_goes_on(engine: KleinEngine) -> None:
    forwards = Forwards(engine)
    made = together(engine, batch(2), [leaves_after(2), leaves_after(1)])
    assert [type(one) for one in made] == [Superseded, Superseded]
    assert (forwards.sizes, engine.decodes) == ([2, 1], 0)


def test_the_last_one_left_goes_on_as_if_alone(engine: KleinEngine) -> None:
    wanted = batch(2)
    forwards = Forwards(engine)
    (frame,) = frames(together(engine, wanted, [leaves_after(1), STAYS])[1:])
    assert forwards.sizes == [2, 1, 1, 1]
    assert np.array_equal(frame.pixels, alone(engine, wanted[1]))


def test_one_that_is_superseded_while_others_are_decoded_is_not_decoded(
    engine: KleinEngine,
) -> None:
    asked: list[int] = []

    def superseded(steps_done: int) -> bool:
        asked.append(steps_done)
        return asked.count(4) == 2

    made = together(engine, batch(2), [STAYS, Hooks(superseded)])
    assert [type(one) for one in made] == [Frame, Superseded]
    assert (asked, engine.decodes) == ([0, 1, 2, 3, 4, 4], 1)


def test_a_picture_comes_before_the_next_one_is_decoded(engine: KleinEngine) -> None:
    renders = [Render(one, Stage.FINAL, STAYS) for one in batch(2)]
    made = engine.render_together(renders)
    assert next(made)[0] == 0
    assert engine.decodes == 1
    assert [place for place, _ in made] == [1]


def test_on_a_device_that_runs_ahead_one_leaves_a_step_later(
    engine: KleinEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ahead(device: torch.device, hooks: Hooks) -> Checkpoints:
        return Checkpoints(hooks, lambda: lambda: None, ahead=1)

    monkeypatch.setattr(Checkpoints, "on", ahead)
    wanted = batch(2)
    forwards = Forwards(engine)
    made = together(engine, wanted, [leaves_after(1), STAYS])
    assert forwards.sizes == [2, 2, 1, 1]
    (frame,) = frames(made[1:])
    assert np.array_equal(frame.pixels, alone(engine, wanted[1]))


def test_a_preview_is_of_the_one_who_asked_for_it(engine: KleinEngine) -> None:
    wanted = batch(3)
    in_batch: list[Frame] = []
    by_itself: list[Frame] = []
    hooks = [STAYS, Hooks(preview=in_batch.append), Hooks(lambda done: done > 0, in_batch.append)]
    together(engine, wanted, hooks)
    engine._frames.clear()
    engine.render(wanted[1], Stage.DRAFT, Hooks(preview=by_itself.append))
    (shown,), (expected,) = in_batch, by_itself
    assert (shown.stage, shown.request) == (Stage.PREVIEW, wanted[1])
    assert np.array_equal(shown.pixels, expected.pixels)


def test_a_frame_records_its_batch_also_when_it_comes_from_the_cache(engine: KleinEngine) -> None:
    wanted = batch(2)
    together(engine, wanted)
    assert engine.has(wanted[0])
    kept = engine.render(wanted[0], Stage.FINAL, Hooks())
    assert (kept.timings.cached, kept.origin.path) == (True, "eager, batch of 2")
    assert engine.decodes == 2
    engine._frames.clear()
    assert engine.render(wanted[0], Stage.FINAL, Hooks()).origin.path == "eager"


def test_the_steps_are_counted_to_all_and_the_rest_to_each(engine: KleinEngine) -> None:
    first, second = (frame.timings for frame in frames(together(engine, batch(2))))
    assert first.denoise_s == second.denoise_s > 0
    assert min(first.encode_s, second.encode_s, first.decode_s, second.decode_s) > 0


def test_each_prompt_is_encoded_once(engine: KleinEngine) -> None:
    wanted = batch(3)
    together(engine, wanted)
    together(engine, [replace(one, seed=9) for one in wanted])
    assert engine.prompts_encoded == 3


def test_too_little_memory_for_a_batch_leaves_renders_alone_to_be_made(
    engine: KleinEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = engine._pipeline.transformer
    forward = transformer.forward

    def small(*args: Any, **kwargs: Any) -> Any:
        if kwargs["hidden_states"].shape[0] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(transformer, "forward", small)
    wanted = batch(2)
    with pytest.raises(EngineFailed, match="too little memory"):
        together(engine, wanted)
    assert engine.decodes == 0
    assert render(engine, wanted[0]).shape == (64, 64, 3)


def test_what_differs_in_size_steps_or_images_does_not_go_together(engine: KleinEngine) -> None:
    bucket = engine.bucket(request())
    assert bucket is not None
    assert engine.bucket(request(prompt="x" * 300, seed=9, guidance_scale=4.0)) == bucket
    for other in (request(width=96), request(height=96), request(steps=2)):
        assert engine.bucket(other) not in (None, bucket)
    assert engine.bucket(request(references=(Reference("one"),))) is None


def test_guided_pictures_go_together_where_their_scale_is_the_same(small_base_model: Path) -> None:
    engine = load(small_base_model, ALBUM)
    four, same, other, plain = (
        engine.bucket(request(prompt=prompt, guidance_scale=scale))
        for prompt, scale in (("a", 4.0), ("b", 4.0), ("a", 3.0), ("a", 1.0))
    )
    assert four == same
    assert len({four, other, plain}) == 3


def test_pictures_go_together_with_those_of_the_same_loras(
    small_model: Path, tmp_path: Path
) -> None:
    engine = load(small_model, ALBUM, loras=LoraShelf(tmp_path))
    keys = as_diffusers(pairs(engine._pipeline.transformer, 4, 0))
    for name in ("ink", "wash"):
        saved(tmp_path, name, keys)
    plain, off, ink, more, wash = (
        engine.bucket(request(loras=loras))
        for loras in ((), (Lora("ink", 0),), (Lora("ink"),), (Lora("ink", 2),), (Lora("wash"),))
    )
    assert plain == off
    assert len({plain, ink, more, wash}) == 4
    assert engine.bucket(request(loras=(Lora("gone"),))) is None


def test_trimmed_prompts_go_together_where_they_are_as_long(small_model: Path) -> None:
    row = models.from_folder(small_model)
    choice = choosing.Choice(row, choose("cpu"), trims_text=True)
    engine = loader.load(choice, CACHE_BYTES, lambda progress: None, ALBUM)
    sun, sea, long = (engine.bucket(request(prompt=one)) for one in ("sun", "sea", "x" * 300))
    assert sun == sea != long
    wanted = [request(prompt="sun"), request(prompt="sea")]
    for frame, one in zip(frames(together(engine, wanted)), wanted, strict=True):
        assert frame.origin.path == "eager, trimmed text, batch of 2"
        assert np.array_equal(frame.pixels, alone(engine, one))


def test_what_looks_at_images_cannot_be_joined(engine: KleinEngine) -> None:
    plain, edit = (prepared(engine, one).velocity for one in (request(), request("one")))
    with pytest.raises(TypeError, match="without images"):
        joined([plain, edit])


def test_seats_are_asked_each_as_long_as_they_are_taken() -> None:
    asked: list[tuple[int, int]] = []

    def hooks(place: int, leaves: int) -> Hooks:
        def superseded(steps_done: int) -> bool:
            asked.append((place, steps_done))
            return steps_done >= leaves

        return Hooks(superseded, preview=(lambda frame: None) if place else None)

    seats = Seats([hooks(0, 9), hooks(1, 1), hooks(2, 2)])
    assert not seats.superseded(0)
    assert seats.previewing() == (1, 2)
    assert not seats.superseded(1)
    assert (seats.taken, seats.previewing()) == ((0, 2), (2,))
    assert not seats.superseded(2)
    assert seats.superseded(9)
    assert asked[-3:] == [(0, 2), (2, 2), (0, 9)]
