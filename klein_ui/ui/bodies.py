"""What comes in the body of an HTTP request, read no further than a limit."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klein_ui.ui.answers import Refused

MAX_FIELDS_BYTES = 256 * 2**10
"""Five thousand names of pins, or the longest note in any script."""

STALLED_S = 15.0
WHOLE_S = 120.0
"""How long a body may take that is held in memory: 20 MB at 1.4 Mbit/s."""
CUT_OFF = "What was sent was cut off; try again."
NO_OBJECT = "The page sent something that is no JSON object; reload the page."
TOO_MANY_FIELDS = f"That is more than {MAX_FIELDS_BYTES // 2**10} kB; choose or write less."


async def parts(request: HTTPRequest) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `TimeoutError` where it stalls, and `ClientDisconnect`."""
    stream = aiter(request.stream())
    while True:
        # Not `wait_for`: a part that comes in the moment of a cancellation makes it lose that.
        async with asyncio.timeout(STALLED_S):
            part = await anext(stream, None)
        if part is None:
            return
        yield part


async def raw(
    request: HTTPRequest, most_bytes: int, too_large: str, cut_off: str = CUT_OFF
) -> bytes:
    """The body. Raises `Refused` with one of the sentences."""
    chunks, size_bytes = list[bytes](), 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:12]) > most_bytes:
        raise Refused(413, too_large)
    try:
        async with asyncio.timeout(WHOLE_S):
            async for chunk in parts(request):
                chunks.append(chunk)
                size_bytes += len(chunk)
                if size_bytes > most_bytes:
                    raise Refused(413, too_large)
    except (ClientDisconnect, TimeoutError) as error:
        # Who stalls must not hold the place of others.
        raise Refused(400, cut_off) from error
    return b"".join(chunks)


async def fields(request: HTTPRequest) -> dict[str, object]:
    """The JSON object in the body; an empty one without a body. Raises `Refused`."""
    body = await raw(request, MAX_FIELDS_BYTES, TOO_MANY_FIELDS)
    if not body:
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(422, NO_OBJECT) from error
    if not isinstance(given, dict):
        raise Refused(422, NO_OBJECT)
    return given


class Bounded:
    """An app whose bodies have an end, whatever it does with them: more is not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        most_bytes: int,
        refuse: Callable[[], Awaitable[None]],
    ) -> None:
        """Pass on a request; `refuse()` answers it in the app's place at the byte too many."""
        size_bytes, is_over, has_begun = 0, False, False

        async def counted() -> Message:
            nonlocal size_bytes, is_over
            if is_over:
                return {"type": "http.disconnect"}
            message = await receive()
            size_bytes += len(message.get("body", b""))
            if size_bytes > most_bytes:
                is_over = True
                if not has_begun:
                    await refuse()
                return {"type": "http.disconnect"}
            return message

        async def answered(message: Message) -> None:
            nonlocal has_begun
            if not is_over:
                has_begun = True
                await send(message)

        try:
            await self._app(scope, counted, answered)
        except Exception:
            # For the app it looked as if somebody had left.
            if not is_over:
                raise
