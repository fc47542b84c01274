"""The engine of ZeroGPU where `spaces` does nothing: on any other machine, with it or without."""

import threading
import time
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import gradio as gr
import pytest

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import (
    Blend,
    EngineFailed,
    Hooks,
    InvalidLora,
    InvalidPicture,
    Lora,
    OutOfMemory,
    Pixels,
    Postponed,
    Reference,
    Request,
    Stage,
    Superseded,
)
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine import choosing, loader
from klein_ui.engine.klein import KleinEngine
from klein_ui.loading import Source
from klein_ui.loras import LoraShelf
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.serve import zero_place, zero_start, zero_words
from klein_ui.serve.zero import LOOK_S, TOO_MANY, Decorate, Work, ZeroEngine
from klein_ui.serve.zero_calls import Answer, Refused, Stopped, Ticket
from klein_ui.visitors import Visitors
from tests.engine import lora_files
from tests.stepping import LONG_S, Ears, asked

DIGEST, MASK, GONE = "d" * 64, "e" * 64, "f" * 64
ALBUM = Album({DIGEST: photo(128, 96, 3), MASK: photo(128, 128, 4)})
SUN = Request("a red sun", 7, 128, 128, 4, 1.0, "postcard")
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")
BYTES = 2**26


def named(session: str) -> Context:
    context = copy_context()
    context.run(WHO.set, session)
    return context


def place(folder: Path, decorate: Decorate = zero_start.on_gpu) -> ZeroEngine:
    choice = choosing.resolve("postcard", "cpu", None)
    return zero_place.place(
        choice, BYTES, lambda progress: None, ALBUM, LoraShelf(folder), named, decorate
    )


@pytest.fixture(scope="module")
def plain() -> KleinEngine:
    choice = choosing.resolve("postcard", "cpu", None)
    return loader.load(choice, BYTES, lambda progress: None, ALBUM)


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> ZeroEngine:
    return place(tmp_path_factory.mktemp("loras"))


@pytest.fixture
def engine(placed: ZeroEngine) -> Iterator[ZeroEngine]:
    placed.relieve()
    yield placed
    placed.relieve()


def answering(answer: Callable[[Ticket], Answer]) -> Decorate:
    """A GPU that says `answer`, whatever the work is."""

    def decorate(work: Work, duration: Callable[[Ticket], int]) -> Work:
        return answer

    return decorate


def render(engine: ZeroEngine | KleinEngine, request: Request) -> Pixels:
    return engine.render(request, Stage.FINAL, Hooks(session="a")).pixels


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"width": 160, "steps": 2},
        {"references": (Reference(DIGEST),), "prompt": "make it blue"},
        {"references": (Reference(DIGEST, strength=0.0),)},
        {"references": (Reference(DIGEST, strength=0.5),), "keep_background": True},
        {"references": (Reference(DIGEST),), "mask": MASK},
        {"mask": MASK},
        {"blend": Blend("a tent", 9, 0.5)},
    ],
)
def test_the_same_pixels_as_without_zero_gpu(
    engine: ZeroEngine, plain: KleinEngine, more: dict[str, object]
) -> None:
    request = replace(SUN, **more)  # type: ignore[arg-type]
    assert (render(engine, request) == render(plain, request)).all()
    # Once more with what is known: another seed of the same words and images.
    again = replace(request, seed=11)
    assert (render(engine, again) == render(plain, again)).all()


def test_what_is_kept_is_there_at_once_at_any_stage(engine: ZeroEngine) -> None:
    render(engine, SUN)
    calls = engine.calls_made
    assert engine.has(SUN)
    frame = engine.render(SUN, Stage.DRAFT, Hooks())
    assert (frame.stage, frame.timings.cached) == (Stage.DRAFT, True)
    assert engine.calls_made == calls
    engine.close()
    assert not engine.has(SUN)
    render(engine, SUN)
    assert engine.calls_made == calls + 1


def test_nothing_is_rendered_where_there_is_nobody(engine: ZeroEngine) -> None:
    calls = engine.calls_made
    engine.warm_up(SUN)
    assert engine.calls_made == calls
    assert engine.together is None
    assert engine.held().device_bytes is None
    assert set(engine.held().caches) == {"frames", "prompts", "references"}


def test_an_image_or_lora_that_is_gone_is_said_without_a_call(engine: ZeroEngine) -> None:
    calls = engine.calls_made
    with pytest.raises(InvalidPicture, match="Image 2 is no longer kept"):
        render(engine, replace(SUN, references=(Reference(DIGEST), Reference(GONE))))
    with pytest.raises(InvalidPicture, match="paint it again"):
        render(engine, replace(SUN, references=(Reference(DIGEST),), mask=GONE))
    with pytest.raises(InvalidLora, match="no LoRA"):
        render(engine, replace(SUN, loras=(Lora("gone"),)))
    assert not engine.has(replace(SUN, loras=(Lora("gone"),)))
    assert engine.calls_made == calls
    # No slot was lost with them.
    assert render(engine, SUN).shape == (128, 128, 3)


def test_a_lora_goes_along_and_is_in_the_origin(tmp_path: Path) -> None:
    choice = choosing.resolve("postcard", "cpu", None)
    shelf = LoraShelf(tmp_path)
    plain = loader.load(choice, BYTES, lambda progress: None, ALBUM, shelf)
    made = lora_files.pairs(plain._pipeline.transformer, rank=4, seed=1)
    lora_files.saved(tmp_path, "ink", lora_files.as_diffusers(made))
    request = replace(SUN, loras=(Lora("ink", 0.7), Lora("gone", 0.0)))
    wanted = plain.render(request, Stage.FINAL, Hooks())
    got = place(tmp_path).render(request, Stage.FINAL, Hooks())
    assert (got.pixels == wanted.pixels).all()
    assert got.origin == wanted.origin
    assert len(got.origin.loras) == 1
    assert (got.pixels != render(plain, SUN)).any()


def test_a_lora_that_fits_nothing_is_said_as_it_is_elsewhere(tmp_path: Path) -> None:
    engine = place(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"no such file")
    with pytest.raises(InvalidLora):
        render(engine, replace(SUN, loras=(Lora("bad"),)))
    assert render(engine, SUN).shape == (128, 128, 3)


def test_what_is_superseded_stops(engine: ZeroEngine) -> None:
    asked: list[int] = []

    def superseded(steps_done: int) -> bool:
        asked.append(steps_done)
        return steps_done >= 1

    long = replace(SUN, width=384, height=384, steps=8)
    with pytest.raises(Superseded):
        engine.render(long, Stage.FINAL, Hooks(superseded, session="a"))
    assert asked[-1] < 8
    assert not engine.has(long)
    assert render(engine, replace(SUN, seed=12)).shape == (128, 128, 3)


def test_a_call_is_made_in_the_context_of_who_asked(tmp_path: Path) -> None:
    who: list[str] = []

    def decorate(work: Work, duration: Callable[[Ticket], int]) -> Work:
        def noted(ticket: Ticket) -> Answer:
            assert 2 <= duration(ticket) < 60
            who.append(WHO.get())
            return work(ticket)

        return noted

    engine = place(tmp_path, decorate)
    for session in ("alice", "bob"):
        engine.render(replace(SUN, prompt=session), Stage.FINAL, Hooks(session=session))
    assert who == ["alice", "bob"]


def test_no_gpu_is_one_sentence(tmp_path: Path) -> None:
    def refuse(ticket: Ticket) -> Answer:
        raise gr.Error("No GPU was available", title="ZeroGPU client error", print_exception=False)

    with pytest.raises(EngineFailed, match=zero_words.ALL_BUSY):
        render(place(tmp_path, answering(refuse)), SUN)


def test_too_little_memory_is_known_as_such(tmp_path: Path) -> None:
    refused = Refused("OutOfMemory", "There is too little memory.")
    with pytest.raises(OutOfMemory, match="too little"):
        render(place(tmp_path, answering(lambda ticket: refused)), SUN)


def test_who_has_to_wait_gives_way_and_a_failure_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 0.05)
    go, calls = threading.Event(), []

    def wait(ticket: Ticket) -> Answer:
        calls.append(WHO.get())
        if WHO.get() == "alice":
            assert go.wait(60)
            return Refused("EngineFailed", "No GPU came.")
        return Stopped()

    engine = place(tmp_path, answering(wait))
    hooks = Hooks(session="alice")
    with pytest.raises(Postponed):
        engine.render(SUN, Stage.FINAL, hooks)
    with pytest.raises(Superseded):
        engine.render(SUN, Stage.FINAL, Hooks(session="bob"))
    newer = replace(SUN, prompt="newer")
    with pytest.raises(Postponed):
        engine.render(newer, Stage.FINAL, hooks)
    go.set()
    call = engine._calls["alice"]
    assert call.wait(60)
    # Others make calls meanwhile.
    with pytest.raises(Superseded):
        engine.render(SUN, Stage.FINAL, Hooks(session="bob"))
    with pytest.raises(EngineFailed, match="No GPU came"):
        engine.render(newer, Stage.FINAL, hooks)
    assert calls == ["alice", "bob", "bob"]


class Lent:
    """A GPU that is there for a session once it is told so, and its ZeroGPU with a dispatcher."""

    def __init__(self, folder: Path) -> None:
        self.free: dict[str, threading.Event] = {}
        self.called: SimpleQueue[str] = SimpleQueue()
        self.ears: dict[str, Ears] = {}
        self.engine = place(folder, answering(self._answer))
        self.visitors = Visitors()
        self.visitors.tell(self.engine.unwanted)
        self.dispatcher = Dispatcher(
            Source(POSTCARD, lambda report: self.engine),
            PacingSettings(settle_s=0.0, drafts=False),
            visitors=self.visitors,
        )

    def asks(self, name: str) -> None:
        """A visitor comes, and a call is under way for what they type."""
        self.free[name], self.ears[name] = threading.Event(), Ears()
        self.dispatcher.open(name, self.ears[name])
        self.dispatcher.submit(name, asked(name), 1)

    def failed(self, name: str) -> str:
        """What a visitor is told, once a GPU was lent and there is no picture all the same."""
        self.free[name].set()
        return self.ears[name].failed().sentence

    def gives_way(self, name: str) -> None:
        """Return once others have their turn before a visitor's."""
        until = time.monotonic() + LONG_S
        while not (call := self.engine._calls.get(name)) or not call.gave_way:
            assert time.monotonic() < until

    def _answer(self, ticket: Ticket) -> Answer:
        name = ticket.call.order.request.prompt
        self.called.put(name)
        assert self.free[name].wait(60)
        return Refused("EngineFailed", f"No GPU for {name}.")


@pytest.fixture
def lent(tmp_path: Path) -> Iterator[Lent]:
    made = Lent(tmp_path)
    made.dispatcher.start()
    yield made
    made.dispatcher.stop()
    for free in made.free.values():
        free.set()


def test_of_many_who_wait_each_is_told_without_the_turns_of_the_others(
    lent: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 0.01)
    names = [f"visitor {number}" for number in range(6)]
    for name in names:
        lent.asks(name)
    for name in names:
        lent.gives_way(name)
    # From here on nobody is told anything if one of them waits for as long as at first.
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 1000.0)
    for name in reversed(names):
        assert lent.failed(name) == f"No GPU for {name}."


def test_who_has_just_come_holds_up_nobody_whose_picture_is_there(
    lent: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 0.01)
    lent.asks("first")
    lent.gives_way("first")
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 1000.0)
    lent.asks("second")
    assert {lent.called.get(timeout=LONG_S) for _ in range(2)} == {"first", "second"}
    assert lent.failed("first") == "No GPU for first."


@pytest.mark.parametrize("goes", [Dispatcher.close, Dispatcher.clear])
def test_whoever_goes_between_two_turns_pays_for_no_picture(
    lent: Lent, monkeypatch: pytest.MonkeyPatch, goes: Callable[[Dispatcher, str], None]
) -> None:
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 0.01)
    lent.asks("gone")
    lent.gives_way("gone")
    call = lent.engine._calls["gone"]
    # No turn comes that would see it.
    lent.dispatcher.stop()
    goes(lent.dispatcher, "gone")
    assert lent.engine._watch.is_stopped(call.slot)
    lent.free["gone"].set()
    assert call.wait(LONG_S)
    # Nobody comes back for it.
    assert not call.has_failed()


def test_turns_of_those_who_wait_do_not_spin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klein_ui.serve.zero.QUEUE_S", 0.01)
    go = threading.Event()

    def wait(ticket: Ticket) -> Answer:
        assert go.wait(60)
        return Stopped()

    engine = place(tmp_path, answering(wait))
    for _ in range(2):
        since = time.monotonic()
        with pytest.raises(Postponed):
            engine.render(SUN, Stage.FINAL, Hooks(session="a"))
    assert time.monotonic() - since >= LOOK_S
    go.set()


def test_more_calls_than_there_are_slots_are_refused(tmp_path: Path) -> None:
    engine = place(tmp_path)
    while engine._watch.take() is not None:
        pass
    with pytest.raises(EngineFailed, match=TOO_MANY):
        render(engine, SUN)
