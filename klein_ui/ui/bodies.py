"""What comes in the body of an HTTP request, read no further than a limit."""

import json

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest

from klein_ui.ui.answers import Refused

MAX_FIELDS_BYTES = 256 * 2**10
"""Five thousand names of pins, or the longest note in any script."""

CUT_OFF = "What was sent was cut off; try again."
NO_OBJECT = "The page sent something that is no JSON object; reload the page."
TOO_MANY_FIELDS = f"That is more than {MAX_FIELDS_BYTES // 2**10} kB; choose or write less."


async def raw(
    request: HTTPRequest, most_bytes: int, too_large: str, cut_off: str = CUT_OFF
) -> bytes:
    """The body. Raises `Refused` with one of the sentences."""
    chunks, size_bytes = list[bytes](), 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:12]) > most_bytes:
        raise Refused(413, too_large)
    try:
        async for chunk in request.stream():
            chunks.append(chunk)
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise Refused(413, too_large)
    except ClientDisconnect as error:
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
