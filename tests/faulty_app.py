"""The app as a user starts it, over an engine that fails as a prompt says: run with its flags.

Of what it did, `seen` in the data folder keeps a line each, so that it goes wrong once and not in
the process after it.
"""

import sys
import time
from pathlib import Path

from klein_ui import lasting, settings

if __name__ == "__main__":
    lasting.begin()

import app
from klein_ui.contract import DeviceLost, Frame, Hooks, OutOfMemory, Request, Stage
from klein_ui.engine.fake import FakeEngine

RENDER_S = 0.3


class Faulty(FakeEngine):
    """Fails at prompts that name a fault, slowly renders the rest."""

    def __init__(self, seen: Path) -> None:
        super().__init__(render_s=RENDER_S, sleep=time.sleep)
        self.seen = seen

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """See `FakeEngine.render`."""
        if "assert" in request.prompt and self._first("assert"):
            raise DeviceLost("CUDA error: device-side assert triggered")
        if "always" in request.prompt:
            raise DeviceLost("CUDA error: device-side assert triggered")
        if "exit" in request.prompt and self._first("exit"):
            raise SystemExit
        if "large" in request.prompt and request.width > 176:
            raise OutOfMemory("too large")
        if "endless" in request.prompt:
            time.sleep(600.0)
        if "boom" in request.prompt:
            raise ValueError(f"what was typed: {request.prompt}")
        return super().render(request, stage, hooks)

    def _first(self, fault: str) -> bool:
        known = self.seen.read_text().split() if self.seen.exists() else []
        self.seen.write_text(" ".join([*known, fault]))
        return fault not in known


def main(argv: list[str]) -> int:
    """Serve until ended."""
    folder = settings.read(argv).data_dir
    app.loaded = lambda *_: Faulty(folder / "seen")
    return app.run(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
