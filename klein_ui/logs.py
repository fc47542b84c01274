"""One line an event, as text or as JSON, and never a word of what anybody typed.

Messages of errors may quote what they failed on, a prompt among it, so of an error only its type
and the places it went through are logged; those of the system, such as a full disk, speak of files
and of nothing else. What has a sentence for the user says no prompt by itself.
"""

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType

from klein_ui.contract import KleinError

ErrorInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

MOST_PLACES = 12
"""How many of the innermost places of an error are named."""

# They print what they like, with a format of their own.
_OTHERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "diffusers", "transformers")


class Lines(logging.Formatter):
    """A line of text for each event."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, with where an error came from behind it."""
        what = record.getMessage().replace("\n", " ")
        error = described(record.exc_info)
        return f"{what}: {error}" if error else what


class JsonLines(logging.Formatter):
    """A JSON object for each event: `at`, `level`, `from`, `event`, and `error` where there is."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "event": record.getMessage(),
        }
        error = described(record.exc_info)
        return json.dumps({**told, "error": error} if error else told, ensure_ascii=False)


class Discreet(logging.Filter):
    """Has the package of MCP say where something went wrong and not what it was about: it quotes
    the messages of clients, prompts among them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`, which is made discreet."""
        if "mcp" not in PurePath(record.pathname).parts:
            return True
        record.msg, record.args = "MCP, %s:%d", (record.module, record.lineno)
        return record.levelno >= logging.WARNING


FORMATS: dict[str, type[logging.Formatter]] = {"text": Lines, "json": JsonLines}


def configure(kind: str) -> None:
    """Log to standard error in the format `kind`, one of `FORMATS`: all that this process says."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[kind]())
    handler.addFilter(Discreet())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    threading.excepthook = _unhandled


def tame() -> None:
    """Have the loggers of others, which set themselves up when the server starts and when a model
    brings its libraries, log as all do."""
    for name in _OTHERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


def _unhandled(args: threading.ExceptHookArgs) -> None:
    """What ends a thread; Python itself would print what it says."""
    if args.exc_value is not None:
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger(__name__).error("a thread ended", exc_info=info)


def described(info: ErrorInfo | None) -> str:
    """The type and the way of an error and of those behind it, without what they say."""
    error = info[1] if info else None
    return "; after ".join(_one(link) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one(error: BaseException) -> str:
    places = traceback.extract_tb(error.__traceback__)[-MOST_PLACES:]
    way = " > ".join(f"{place.filename}:{place.lineno} {place.name}" for place in places)
    what = type(error).__name__
    if isinstance(error, KleinError):
        what += f" “{error}”"
    elif isinstance(error, OSError) and error.strerror:
        what += f" ({error.strerror})"
    return f"{what} at {way}" if way else what
