"""A day on ZeroGPU, in a process of its own: `spaces` changes torch for all of it.

Prints what happened as one line of JSON. It is given the folder to keep things in.
"""

import json
import os
import signal
import sys
import threading
import time
from contextvars import Context, copy_context
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.serve import no_gpu

no_gpu.import_spaces()

import gradio as gr
import httpx
import numpy as np
import psutil
from gradio.context import LocalContext

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Hooks, KleinError, Postponed, Reference, Request, Stage, Superseded
from klein_ui.engine import choosing, loader
from klein_ui.loras import LoraShelf
from klein_ui.serve import zero_place
from klein_ui.serve.zero import ZeroEngine
from klein_ui.serve.zero_calls import Made, Order
from tests.serve.device_api import POOR, WAITING, token

DIGEST = "d" * 64
ALBUM = Album({DIGEST: photo(96, 96, 3)})
SUN = Request("a red sun over a lake", 7, 128, 128, 4, 1.0, "postcard")
LONG = replace(SUN, width=384, height=384, steps=8)
SEEN = replace(SUN, references=(Reference(DIGEST),), prompt="make it blue")


def visitor(name: str) -> Context:
    """The context of a Gradio event that `name` caused."""
    context = copy_context()
    headers = httpx.Headers({"x-ip-token": token(name)})
    context.run(LocalContext.request.set, SimpleNamespace(headers=headers))  # type: ignore[arg-type]
    return context


class Day:
    """The engine, and what was learnt from its calls."""

    def __init__(self, folder: Path) -> None:
        choice = choosing.resolve("postcard", "cpu", None)
        self.choice = choice
        self.loras = LoraShelf(folder)
        self.engine = zero_place.place(
            choice, 2**27, lambda progress: None, ALBUM, self.loras, visitor
        )
        self.new: list[tuple[int, int]] = []
        keep = self.engine._kept.keep

        def noted(order: Order, made: Made) -> None:
            self.new.append((len(made.known.prompts), len(made.known.pictures)))
            keep(order, made)

        self.engine._kept.keep = noted  # type: ignore[method-assign]
        with gr.Blocks() as page:
            gr.Textbox()
        # Here `spaces` packs what was placed, and reports.
        page.launch(prevent_thread_lock=True, quiet=True)

    def render(self, request: Request, who: str, hooks: Hooks | None = None) -> np.ndarray:
        asked = hooks or Hooks()
        while True:
            try:
                frame = self.engine.render(request, Stage.FINAL, replace(asked, session=who))
                return frame.pixels
            except Postponed:
                # It waits for a GPU.
                continue

    def sentence(self, request: Request, who: str) -> str:
        try:
            self.render(request, who)
        except KleinError as error:
            return str(error)
        return ""

    def worker(self) -> psutil.Process:
        """The process that has the GPU, once there is one."""
        (one,) = [child for child in psutil.Process().children() if child.is_running()]
        return one


def told(day: Day) -> dict[str, Any]:
    """Everything that a test looks at, in the order in which it happens."""
    found: dict[str, Any] = {}
    engine: ZeroEngine = day.engine
    alone = {"sun": SUN, "seen": SEEN, "other": replace(SUN, seed=8)}
    made = {name: day.render(request, "alice") for name, request in alone.items()}
    found["calls"] = engine.calls_made
    found["new"] = list(day.new)
    day.render(SUN, "bob")
    found["calls after one that is kept"] = engine.calls_made
    made["bob's"] = day.render(replace(SUN, prompt="a tent"), "bob")

    worker = day.worker()
    found["pid"] = worker.pid
    day.new.clear()
    killed = threading.Thread(target=kill_when_it_works, args=(engine, worker.pid))
    killed.start()
    found["killed"] = day.sentence(LONG, "alice")
    killed.join()
    made["after"] = day.render(replace(SEEN, seed=9), "alice")
    found["new to the next worker"] = list(day.new)

    found["poor"] = day.sentence(replace(SUN, prompt="a house"), POOR)
    found["stopped"] = stopped(day)
    made["waited"] = waited(day, found)

    plain = loader.load(day.choice, 2**27, lambda progress: None, ALBUM, day.loras)
    requests = {
        **alone,
        "bob's": replace(SUN, prompt="a tent"),
        "after": replace(SEEN, seed=9),
        "waited": replace(SUN, prompt="newest"),
    }
    found["equal"] = {
        name: bool((plain.render(one, Stage.FINAL, Hooks()).pixels == made[name]).all())
        for name, one in requests.items()
    }
    return found


def kill_when_it_works(engine: ZeroEngine, pid: int) -> None:
    while not any(engine._watch.steps(call.slot) for call in list(engine._calls.values())):
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)


def stopped(day: Day) -> tuple[int, int]:
    """Steps done when nobody wanted the picture any more, and when its render had stopped."""
    at: list[int] = []

    def superseded(steps_done: int) -> bool:
        if steps_done >= 2:
            at.append(steps_done)
        return bool(at)

    slots: list[int] = []
    call = day.engine._begin

    def begun(*args: Any) -> Any:
        made = call(*args)
        slots.append(made.slot)
        return made

    day.engine._begin = begun  # type: ignore[assignment, method-assign]
    try:
        day.render(LONG, "alice", Hooks(superseded))
    except Superseded:
        return at[0], day.engine._watch.steps(slots[0]) or 0
    raise AssertionError("it was let through")


def waited(day: Day, found: dict[str, Any]) -> np.ndarray:
    """One who waits in the queue gives way, types on, and gets the newest."""
    before = day.engine.calls_made
    try:
        day.engine.render(replace(SUN, prompt="old"), Stage.FINAL, Hooks(session=WAITING))
    except Postponed:
        found["gave way"] = True
    made = day.render(replace(SUN, prompt="meanwhile"), "carol")
    found["others went on"] = made.shape[0] == SUN.height
    threading.Timer(0.3, lambda: Path(sys.argv[1], "go").touch()).start()
    newest = day.render(replace(SUN, prompt="newest"), WAITING)
    found["calls for two who asked"] = day.engine.calls_made - before
    return newest


if __name__ == "__main__":
    print(json.dumps(told(Day(Path(sys.argv[1])))), flush=True)
    # Gradio's server and the worker end with it.
    for child in psutil.Process().children():
        child.kill()
    os._exit(0)
