"""A browser with a cookie, before routes that ask whose it is."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from klein_ui.limits import Limits
from klein_ui.seal import Seal
from klein_ui.ui.owners import COOKIE, Named


def app_of(routes: Sequence[BaseRoute], *, is_public: bool = False) -> Starlette:
    """These routes, on a server for people who trust each other, or for everybody."""
    named = Middleware(Named, Seal(), Limits(), is_public=is_public)
    return Starlette(routes=list(routes), middleware=[named])


def browser_of(routes: Sequence[BaseRoute], cookie: str) -> TestClient:
    """Somebody's browser; without a cookie a program's."""
    return TestClient(app_of(routes), cookies={COOKIE: cookie} if cookie else {})
