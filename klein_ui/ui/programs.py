"""Programs that call: where their routes lie, and whose boards they pin to."""

import hashlib

from starlette.requests import HTTPConnection

from klein_ui import access
from klein_ui.access import Demand
from klein_ui.settings import Settings
from klein_ui.ui.owners import owner_of

ROOT = "/gradio_api/v1"
MCP_PATH = "/gradio_api/mcp"
NOBODY = (
    "Boards belong to somebody, and here nobody is told from another; send the cookie "
    "“klein-browser” of a browser, or keep the picture yourself."
)
THIS_MACHINE = "program on this machine"


def is_program(path: str) -> bool:
    """Whether nothing but programs asks there."""
    return path.startswith((f"{ROOT}/", MCP_PATH))


def owner_for(settings: Settings, connection: HTTPConnection) -> str:
    """An opaque name of the one whose boards these are: a browser or a user, else the program.

    On this machine all programs are one owner; behind a token, all who have it. Who shows a login
    is that user. Empty where anybody may come in, since nobody could be told from another.
    """
    known = owner_of(connection)
    if known or not is_program(connection.scope["path"]):
        return known
    match access.demand(settings):
        case Demand.TOKEN:
            return f"program {hashlib.sha256((settings.token or '').encode()).hexdigest()}"
        case Demand.NOTHING if not settings.is_public:
            return THIS_MACHINE
        case _:
            return ""
