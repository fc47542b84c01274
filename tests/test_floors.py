"""The house: a module imports only from lower floors, torch and gradio stay in their rooms."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "klein_ui"

FLOORS = {
    "contract": 0,
    "flags": 0,
    "models": 0,
    "space": 0,
    "settings": 1,
    "access": 1,
    "visitors": 1,
    "validate": 1,
    "pacing": 1,
    "turns": 1,
    "events": 1,
    "mailboxes": 1,
    "attempts": 1,
    "figures": 1,
    "health": 1,
    "tireless": 1,
    "lasting": 1,
    "listening": 1,
    "restarts": 1,
    "logs": 1,
    "performing": 1,
    "hands": 2,
    "batches": 1,
    "runs": 1,
    "cache": 1,
    "images": 1,
    "roles": 1,
    "uploads": 1,
    "decoders": 1,
    "limits": 1,
    "store": 1,
    "loras": 1,
    "compare": 1,
    "provenance": 1,
    "permalink": 1,
    "watermark": 1,
    "safety": 1,
    "files": 1,
    "seal": 1,
    "tickets": 1,
    "open_files": 1,
    "ledger": 1,
    "states": 1,
    "pins": 1,
    "palette": 1,
    "clips": 1,
    "contact_sheet": 1,
    "branches": 1,
    "engine": 2,
    "moodboard": 2,
    "history": 2,
    "loading": 2,
    "dispatcher": 3,
    "ui": 4,
    "bench": 4,
    "serve": 4,
    "postcard": 4,
}
TORCH_ROOMS = {"engine", "postcard", "serve", "bench"}
GRADIO_ROOMS = {"ui", "serve", "bench"}
TORCH = {"torch", "diffusers", "transformers", "accelerate"}
MOST_LINES = 400

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Full names of everything that a module imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_used(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {part[1] for part in parts if part[0] == "klein_ui" and len(part) > 1} & set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_floors_and_its_own_room(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    assert own in FLOORS, f"{own} has no floor; give it one here and in docs/architecture.md"
    # These share floor 0, where models use the words of contract, and flags what a Space tells.
    upward = {
        used
        for used in rooms_used(path) - {own}
        if FLOORS[used] >= FLOORS[own] and not (used in ("contract", "space") or FLOORS[own] == 1)
    }
    if FLOORS[own] == 4:
        # The bench measures the page and the cluster; nothing else on this floor looks sideways.
        upward -= {"ui", "serve"} if own == "bench" else set()
    assert not upward, f"{path.name} imports {upward} from above or beside it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_torch_and_gradio_stay_in_their_rooms(path: Path) -> None:
    heads = {name.split(".")[0] for name in imports(path)}
    if room(path) not in TORCH_ROOMS:
        assert not heads & TORCH
    if room(path) not in GRADIO_ROOMS:
        assert not heads & {"gradio", "gradio_client"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_nothing_at_run_time_imports_the_training_of_postcard() -> None:
    users = [
        path for path in MODULES if "postcard" in rooms_used(path) and room(path) != "postcard"
    ]
    assert not users


def test_there_are_no_circles() -> None:
    edges = {room(path): set[str]() for path in MODULES}
    for path in MODULES:
        edges[room(path)] |= rooms_used(path) - {room(path)}
    done: set[str] = set()
    while len(done) < len(edges):
        free = {name for name in edges if name not in done and edges[name] <= done}
        assert free, f"a circle among {set(edges) - done}"
        done |= free
