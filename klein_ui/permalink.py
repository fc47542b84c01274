"""A request as the query of a link, there and back: short where it can be, always bounded.

References, masks and what else belongs to somebody's images stay out of it.
"""

import base64
import binascii
import zlib
from urllib.parse import parse_qsl, urlencode

from klein_ui.contract import InvalidRequest, Request
from klein_ui.roles import typed

MAX_QUERY_CHARS = 12_000
PLAIN_CHARS = 1500
"""Up to here the query can be read; a longer one is packed into one field."""
MAX_UNPACKED_BYTES = 64 * 2**10
MAX_FIELDS = 32

PACKED = "z"
BAD = "The link is incomplete or damaged; ask for it again."
TOO_LONG = "The link is too long to be one of Klein Live; ask for it again."


def query(request: Request) -> str:
    """What follows the “?” of a link that opens the app with `request`, at most 12,000 characters.

    For a request with references it is the same without them, and without the sentences that
    their roles put behind the prompt; a blend stays out of it too.
    """
    fields = [
        ("prompt", typed(request.prompt, request.references)),
        ("seed", str(request.seed)),
        ("width", str(request.width)),
        ("height", str(request.height)),
        ("steps", str(request.steps)),
        ("guidance_scale", repr(request.guidance_scale)),
        ("model", request.model),
        *(("lora", f"{lora.scale!r} {lora.name}") for lora in request.loras),
    ]
    plain = urlencode(fields)
    if len(plain) <= PLAIN_CHARS:
        return plain
    # Unescaped, or the compression would spend its effort on the percent signs.
    lines = "\0".join(f"{name}={value}" for name, value in fields)
    return f"{PACKED}={base64.urlsafe_b64encode(zlib.compress(lines.encode(), 9)).decode()}"


def fields(query: str) -> dict[str, object]:
    """The fields of a link's query, for `validate.asked`; `model` names the model they are for.

    What the query does not name is not there, and unknown fields are ignored. Raises
    `InvalidRequest` where it makes no sense.
    """
    query = query.removeprefix("?")
    if len(query) > MAX_QUERY_CHARS:
        raise InvalidRequest("link", TOO_LONG)
    found: dict[str, object] = {}
    loras: list[dict[str, object]] = []
    for name, value in _pairs(query):
        if name in ("prompt", "model"):
            found[name] = value
        elif name in ("seed", "width", "height", "steps"):
            found[name] = _whole(value)
        elif name == "guidance_scale":
            found[name] = _number(value)
        elif name == "lora":
            scale, _, lora = value.partition(" ")
            loras.append({"name": lora, "scale": _number(scale)})
    return {**found, "loras": loras} if loras else found


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        packed = dict(pairs).get(PACKED)
        return pairs if packed is None else _unpacked(packed)
    except (ValueError, zlib.error, binascii.Error) as error:
        raise InvalidRequest("link", BAD) from error


def _unpacked(packed: str) -> list[tuple[str, str]]:
    data = base64.b64decode(packed.encode("ascii"), altchars=b"-_", validate=True)
    unpacking = zlib.decompressobj()
    lines = unpacking.decompress(data, MAX_UNPACKED_BYTES)
    if not unpacking.eof:
        raise ValueError("more than any request needs, or less than was packed")
    pairs = [line.partition("=") for line in lines.decode().split("\0")[:MAX_FIELDS]]
    return [(name, value) for name, _, value in pairs]


def _whole(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise InvalidRequest("link", BAD)
    return int(value)


def _number(value: str) -> float:
    try:
        # Of NaN and infinity `validate` makes a sentence of its own.
        return float(value)
    except ValueError as error:
        raise InvalidRequest("link", BAD) from error
