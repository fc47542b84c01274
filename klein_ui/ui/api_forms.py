"""A call with files: the fields as JSON beside the images, as a browser's form sends them."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeGuard

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request as HTTPRequest

from klein_ui import uploads
from klein_ui.contract import InvalidRequest
from klein_ui.ui import bodies
from klein_ui.ui.answers import Refused
from klein_ui.ui.api_calls import Image

MOST_BYTES = 40 * 2**20
TOO_LARGE = (
    f"The images are more than {MOST_BYTES // 2**20} MB together; scale them down, or send each "
    "to /gradio_api/v1/images and name them by their digests."
)
MOST_FILES = 16
NO_FORM = (
    "An edit is a form (multipart/form-data) with the part “request”, which is JSON, an “image” "
    "for each image, and maybe a “mask”; send it so."
)
NO_SUCH_PART = "There is no part “{name}” in an edit; send “request”, “image” and “mask”."
NO_FILE = "The part {name} must be a file; send it with a file name."
TWO_MASKS = "An edit has one mask at most; send one."
NO_JSON = "The part “request” is no JSON object of fields; see /gradio_api/v1/openapi.json."
NO_IMAGES = "The field images must be a list of objects, at most one for each image."


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """An edit as it came: its fields, its images in their order, and its mask."""

    fields: dict[str, object]
    images: tuple[Image, ...]
    mask: bytes | None


async def read(request: HTTPRequest) -> Form:
    """The form in the body, at most `MOST_BYTES`. Raises `Refused` or `InvalidRequest`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, NO_FORM)
    body = await bodies.raw(request, MOST_BYTES, TOO_LARGE)

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, once(), max_files=MOST_FILES, max_fields=MOST_FILES)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Refused(422, NO_FORM) from error
    try:
        return await _form(form)
    finally:
        await form.close()


async def _form(form: FormData) -> Form:
    for name in form:
        if name not in ("request", "image", "mask"):
            raise InvalidRequest(name[:40], NO_SUCH_PART.format(name=name[:40]))
    fields = _fields(form.get("request"))
    said = fields.pop("images", [])
    images = [await _file("image", part) for part in form.getlist("image")]
    if not _are_objects(said) or len(said) > len(images):
        raise InvalidRequest("images", NO_IMAGES)
    masks = form.getlist("mask")
    if len(masks) > 1:
        raise InvalidRequest("mask", TWO_MASKS)
    told = [*said, *({} for _ in images[len(said) :])]
    return Form(
        fields,
        tuple(Image(data, one) for data, one in zip(images, told, strict=True)),
        await _file("mask", masks[0]) if masks else None,
    )


def _fields(part: object) -> dict[str, object]:
    if not isinstance(part, str):
        raise InvalidRequest("request", NO_JSON)
    try:
        given = json.loads(part)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("request", NO_JSON) from error
    if not isinstance(given, dict):
        raise InvalidRequest("request", NO_JSON)
    return given


async def _file(name: str, part: object) -> bytes:
    if not isinstance(part, UploadFile):
        raise InvalidRequest(name, NO_FILE.format(name=name))
    # One byte more than is allowed is refused by its reader.
    return await part.read(uploads.MAX_UPLOAD_BYTES + 1)


def _are_objects(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)
