"""The corpus: what somebody may send, by name, and what has to be said to it."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from . import makers
from .makers import flat, saved, words

LIVE = "/gradio_api/live"
V1 = "/gradio_api/v1"
JSON = {"Content-Type": "application/json"}
COOKIE = {"Cookie": "klein-browser=" + "b" * 32}
NEVER = "0" * 64


@dataclass(frozen=True, slots=True)
class Http:
    """One request, and what its one sentence holds."""

    path: str
    body: bytes = b""
    says: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `/generate` with these values."""

    data: tuple[object, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message over the socket."""

    message: str | bytes
    says: str


Case = Http | Call | Said


def add(body: bytes, says: str) -> Http:
    """An image for the gallery."""
    return Http(f"{LIVE}/pictures", body, says)


def open_file(body: bytes, says: str, **headers: str) -> Http:
    """A file to open."""
    return Http(f"{LIVE}/open", body, says, headers={**COOKIE, **headers})


def pair(parts: dict[str, bytes], says: str) -> Http:
    """A picture with the JSON beside it."""
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return Http(f"{LIVE}/open", makers.form(parts), says, headers=headers)


GOOD_PNG = saved(flat(), "PNG")
GOOD_CALL = ("sun", 0, 128, 128, 1)
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
DATA_URL = {
    "path": "data:image/png;base64," + base64.b64encode(makers.bomb()).decode(),
    "meta": {"_type": "gradio.FileData"},
}

HARMLESS = {
    "html": '<img src=x onerror=alert(1)><script>alert("x")</script>',
    "right to left": "a \u202ecup\u202c of \u0627\u0644\u0634\u0627\u064a",
    "nul and control": "a\x00b\x07c\x1b[31md\x7f",
    "lone surrogate": "a \ud800 b",
    "combining": "e" + "\u0301" * 1000,
    "zero width": "\u200b\u200d\ufeff" * 500,
    "emoji": "👩‍👩‍👧‍👦" * 200,
    "format string": "%s%n{0}{{}}$(reboot)`id`' OR 1=1 --",
    "blank": " \n\t ",
}
"""Prompts that are drawn like any other, without harm."""

PROMPTS: dict[str, Case] = {
    "prompt too long": Said(words(prompt="x" * 2001), "2,001 characters; shorten"),
    "prompt of 1 MB over the socket": Said(words(prompt="x" * 2**20), "message is too long"),
    "prompt of 100 kB by call": Call(("x" * 10**5, 0, 128, 128, 1), "shorten it to at most 2,000"),
    "prompt null": Said(words(prompt=None), "prompt must be text"),
    "prompt list": Said(words(prompt=["a"]), "prompt must be text"),
    "prompt number by call": Call((7, 0, 128, 128, 1), "prompt must be text"),
    "prompt file by call": Call((FILE, 0, 128, 128, 1), "prompt must be text"),
    "prompt data URL by call": Call((DATA_URL, 0, 128, 128, 1), "prompt must be text"),
}

NUMBERS: dict[str, Case] = {
    "seed NaN": Said(words(seed=float("nan")), "seed must be a whole number"),
    "seed infinite": Said(words(seed=float("inf")), "seed must be a whole number"),
    "seed negative": Said(words(seed=-1), "seed must be a whole number"),
    "seed of 400 digits": Said(words(seed=10**400), "seed must be a whole number"),
    "seed true": Said(words(seed=True), "seed must be a whole number"),
    "width off the grid": Said(words(width=130), "multiple of 16"),
    "width of a city": Said(words(width=10**9), "width must be a whole number"),
    "height zero": Said(words(height=0), "height must be a whole number"),
    "height text": Said(words(height="128"), "height must be a whole number"),
    "steps broken": Said(words(steps=1.5), "steps must be a whole number"),
    "steps million by call": Call(("sun", 0, 128, 128, 10**6), "steps must be a whole number"),
    "width NaN by call": Call(("sun", 0, float("nan"), 128, 1), "width must be a whole number"),
    "draft list": Said(words(draft=[128]), "draft must be a whole number"),
    "too many values by call": Call((*GOOD_CALL, 1), "gives 6 values; give 5"),
    "too few values by call": Call(("sun",), "gives 1 values; give 5"),
    "side of an image zero": Http(
        f"{LIVE}/pictures/{NEVER}.jpg?side=0", b"", "whole number from 16", "GET"
    ),
    "side of an image in Arabic": Http(
        f"{LIVE}/pictures/{NEVER}.jpg?side=%D9%A3%D9%A3", b"", "whole number from 16", "GET"
    ),
}

TYPES: dict[str, Case] = {
    "references text": Said(words(references="all"), "must be a list of images"),
    "references of numbers": Said(words(references=[1]), "must be a list of images"),
    "reference without a digest": Said(words(references=[{}]), "named wrongly"),
    "reference that is a path": Said(
        words(references=[{"digest": "../../etc/passwd"}]), "named wrongly"
    ),
    "hundred references": Said(words(references=[{"digest": NEVER}] * 100), "images at once"),
    "role too long": Said(
        words(references=[{"digest": NEVER, "role": "r" * 81}]), "at most 80 characters"
    ),
    "strength NaN": Said(
        words(references=[{"digest": NEVER, "strength": float("nan")}]), "from 0 to 1"
    ),
    "loras text": Said(words(loras="ink"), "must be a list of names"),
    "lora that is a path": Said(words(loras=[{"name": "../ink"}]), "named wrongly"),
    "lora infinite": Said(
        words(loras=[{"name": "ink", "scale": float("inf")}]), "strength of a LoRA"
    ),
    "lora twice": Said(words(loras=[{"name": "ink"}] * 2), "chosen twice"),
    "blend number": Said(words(blend=7), "blend must be"),
    "blend share of a list": Said(words(blend={"share": []}), "blend must be a number"),
    "flag of a number": Said(words(keep_background=1, references=[]), "must be true or false"),
    "mask that is a path": Said(
        words(mask="/etc/passwd", references=[{"digest": NEVER}]), "named wrongly"
    ),
    "model that is a path": Said(
        '{"type": "model", "seq": 1, "name": "../../etc"}', "There is no model"
    ),
}

IMAGES: dict[str, Case] = {
    "empty": add(b"", "empty"),
    "text": add(b"hello, I am no image\n", "holds text"),
    "noise": add(bytes(range(1, 256)), "no image that can be read"),
    "GIF": add(saved(flat(), "GIF"), "GIF images cannot be read here; save it as PNG."),
    "BMP": add(saved(flat(), "BMP"), "BMP images cannot be read here"),
    "TIFF": add(saved(flat(), "TIFF"), "TIFF images cannot be read here"),
    "SVG": add(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawings cannot"),
    "PDF": add(b"%PDF-1.7\n", "PDF documents cannot"),
    "HEIC": add(b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC photos cannot"),
    "GIF named PNG": add(makers.PNG + saved(flat(), "GIF"), "damaged"),
    "PNG cut": add(GOOD_PNG[:-40], "damaged"),
    "PNG with a wrong checksum": add(GOOD_PNG[:29] + b"\0\0\0\0" + GOOD_PNG[33:], "damaged"),
    "PNG without pixels": add(makers.png_of(96, 80, b""), "damaged"),
    "PNG of a gigabyte": add(makers.bomb(), "16,777,216 pixels; scale it down"),
    "PNG that says it is endless": add(
        makers.png_of(2**31 - 1, 2**31 - 1, b"\0"), "16,777,216 pixels"
    ),
    "PNG with a text of 256 MB": add(makers.text_bomb(b"zTXt", b"a"), "damaged"),
    "PNG with a profile of 256 MB": add(
        makers.with_chunk(b"iCCP", b"a\0\0" + makers.zeros()), "damaged"
    ),
    "JPEG cut": add(saved(flat(640, 480), "JPEG")[:600], "damaged"),
    "JPEG of 200 scans": add(makers.scans(200), "unusual way"),
    "WebP cut": add(saved(flat(), "WEBP")[:40], "damaged"),
    "stamp": add(saved(flat(20, 20), "PNG"), "at least 64 pixels"),
    "ribbon": add(saved(flat(64, 1000), "PNG"), "too long; crop it"),
    "21 MB": add(bytes(21 * 2**20), "larger than 20 MB"),
    "a frame that never was": Http(
        f"{LIVE}/pictures?frame=nothing", b"", "no longer kept; type a letter"
    ),
}

FILES: dict[str, Case] = {
    "open nothing": open_file(b"", "empty"),
    "open text": open_file(b"hello", "no export of Klein Live"),
    "open a GIF": open_file(saved(flat(), "GIF"), "no export of Klein Live"),
    "open a PDF": open_file(b"%PDF-1.7\n", "holds no requests"),
    "open a PNG of somebody": open_file(GOOD_PNG, "."),
    "open a bomb": open_file(makers.bomb(), "."),
    "open a zTXt bomb": open_file(makers.text_bomb(b"zTXt", b"klein-live"), "."),
    "open an iTXt bomb": open_file(makers.text_bomb(b"iTXt", b"klein-live"), "."),
    "open a ZIP bomb": open_file(makers.zipped({"manifest.json": bytes(2**28)}), "."),
    "open a ZIP that climbs": open_file(makers.zipped({"../../x.png": b"x"}), "."),
    "open a ZIP of nothing": open_file(makers.zipped({}), "."),
    "open a ZIP cut": open_file(makers.zipped({"manifest.json": b"{}" * 99})[:60], "."),
    "open JSON of 100,000 brackets": open_file(b'{"entries": ' + makers.deep(), "JSON"),
    "open JSON with NaN": open_file(b'{"request": {"seed": NaN}}', "JSON"),
    "open JSON twice": open_file(b'{"request": 1, "request": 2}', "JSON"),
    "open a JPEG alone": open_file(saved(flat(), "JPEG"), "add the JSON file"),
    "open a pair of one": pair({"picture": GOOD_PNG}, "Give a picture and the JSON"),
    "open a pair of strangers": pair(
        {"picture": saved(flat(), "JPEG"), "sidecar": b'{"sha256": "0"}'}, "JSON"
    ),
    "open a form cut": Http(
        f"{LIVE}/open",
        makers.form({"picture": GOOD_PNG})[:40],
        ".",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    ),
    "open a form without an edge": Http(
        f"{LIVE}/open", b"--x", ".", headers={"Content-Type": "multipart/form-data"}
    ),
    "open a link of nonsense": Http(f"{LIVE}/open?prompt=a&seed=many", b"", ".", "GET"),
}


def call(path: str, body: bytes, says: str = ".") -> Http:
    """A body for a route of Gradio."""
    return Http(f"/gradio_api/{path}", body, says, headers=JSON)


PROTOCOL: dict[str, Case] = {
    "message no JSON": Said("{", "not JSON; reload the page"),
    "message a list": Said("[]", "no known type"),
    "message a bracket 100,000 times": Said("[" * 30_000, "not JSON"),
    "message of unknown type": Said('{"type": "shutdown", "seq": 1}', "no known type"),
    "message without a number": Said('{"type": "request"}', "no sequence number"),
    "message with a number that is true": Said('{"type": "clear", "seq": true}', "no sequence"),
    "message in bytes": Said(os.urandom(64), "must be text"),
    "a megabyte in bytes": Said(bytes(2**20), "must be text"),
    "a message nested deeply": Said(makers.nested_object(), "message is too long"),
    "body no JSON": call("call/generate", b"{", "cannot be read"),
    "body of brackets": call("call/generate", makers.deep(), "cannot be read"),
    "body without data": call("call/generate", b"{}", "field data"),
    "body with NaN for data": call("call/generate", b'{"data": NaN}', "field data"),
    "body of 5,000 digits": call("call/generate", b'{"data": [' + b"9" * 5000 + b"]}"),
    "function that is not there": call(
        "queue/join", b'{"data": [], "fn_index": 999, "session_hash": "a"}', "call /generate"
    ),
    "function that is text": call(
        "queue/join", b'{"data": [], "fn_index": "x", "session_hash": "a"}', "field fn_index"
    ),
    "call past the queue": call("run/generate", b'{"data": ["sun", 0, 128, 128, 1]}'),
    "a megabyte by call": call("call/generate", b"x" * 2**20, "shorten the prompt"),
    "a session of a megabyte": call(
        "queue/join", b'{"data": [], "session_hash": "' + b"x" * 2**20 + b'"}', "shorten the prompt"
    ),
    "a session of many letters": call(
        "queue/join",
        b'{"fn_index": 2, "data": [""], "session_hash": "' + b"x" * 10**4 + b'"}',
        ".",
    ),
    "upload to Gradio": call("upload", b"x", "This way is shut"),
    "fetch by proxy": Http("/gradio_api/proxy=http://127.0.0.1:1/", b"", "This way is shut", "GET"),
    "messages of nobody": Http(
        "/gradio_api/queue/data?session_hash=nobody", b"", "no such call", "GET"
    ),
    "from another origin": Http(
        f"{LIVE}/pictures", GOOD_PNG, "own address", headers={"Origin": "https://evil.example"}
    ),
    "pins of nobody": Http(f"{LIVE}/pins", b"{}", "."),
    "pins of brackets": Http(f"{LIVE}/pins", makers.deep(), "no JSON object", headers=COOKIE),
    "pins of 300 kB": Http(f"{LIVE}/pins", b" " * 300_000, "more than 256 kB", headers=COOKIE),
    "export of nothing": Http(
        f"{LIVE}/export", b'{"as": "exe"}', "no known format", headers=COOKIE
    ),
    "board of another language": Http(
        f"{LIVE}/boards/%27%20OR%201=1", b'{"title": "x"}', ".", "PATCH", COOKIE
    ),
    "picture that climbs": Http(f"{LIVE}/pictures/%2e%2e.jpg", b"", ".", "GET"),
    "walk of one": Http(f"{LIVE}/walk", b'{"frames": [1]}', ".", headers=COOKIE),
    "clip of a wrong session": Http(
        f"{LIVE}/history/clip", b'{"session": []}', ".", headers=COOKIE
    ),
}


def said_by_program(way: str, body: bytes, says: str) -> Http:
    """A call of a route for programs."""
    return Http(f"{V1}/{way}", body, says, headers=JSON)


def sent_to_edit(parts: dict[str, bytes], says: str) -> Http:
    """A form for an edit, all of whose parts are files."""
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return Http(f"{V1}/edit", makers.form(parts), says, headers=headers)


PROGRAMS: dict[str, Case] = {
    "call without a body": said_by_program("generate", b"", "say in it what the picture shows"),
    "call that is no JSON": said_by_program("generate", b"{", "no JSON object"),
    "call nested to the sky": said_by_program("stream", b"[" * 100_000, "no JSON object"),
    "call with a seed of NaN": said_by_program(
        "generate", b'{"prompt": "x", "seed": NaN}', "seed must be a whole number"
    ),
    "call with a prototype": said_by_program(
        "generate", b'{"prompt": "x", "__proto__": {}}', "There is no field “__proto__” here"
    ),
    "thousand variations": said_by_program(
        "variations", b'{"prompt": "x", "count": 1000}', "whole number from 1 to 8"
    ),
    "variations of a million seeds": said_by_program(
        "variations", json.dumps({"prompt": "x", "seeds": [0] * 50_000}).encode(), "1 to 8 seeds"
    ),
    "export of another's file": said_by_program(
        "export", b'{"frame": "../../etc/passwd"}', "no longer kept"
    ),
    "pin to a path": said_by_program(
        "pin", b'{"frame": "x", "board": ["../x"]}', "must be the id of a board"
    ),
    "edit that is no form": said_by_program("edit", b"{}", "An edit is a form"),
    "edit whose request is a file": sent_to_edit({"request": b"{}"}, "no JSON object of fields"),
    "edit with a part too many": sent_to_edit({"colour": b"x"}, "no part “colour”"),
    "edit cut off": Http(
        f"{V1}/edit",
        b'--edge\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}',
        "no JSON object of fields",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    ),
    "tools that are off": Http("/gradio_api/mcp/", b"{}", "start the app with --mcp"),
}

GROUPS: dict[str, dict[str, Case]] = {
    "prompts": PROMPTS,
    "numbers": NUMBERS,
    "types": TYPES,
    "images": IMAGES,
    "files": FILES,
    "protocol": PROTOCOL,
    "programs": PROGRAMS,
}

ODD_IMAGES: dict[str, tuple[bytes, list[str]]] = {
    "APNG": (makers.animated("PNG"), ["Only the first frame of the animation is used."]),
    "animated WebP": (makers.animated("WEBP"), ["Only the first frame of the animation is used."]),
    "CMYK": (saved(Image.new("CMYK", (96, 80), (1, 2, 3, 4)), "JPEG"), []),
    "palette with alpha": (saved(flat(mode="P"), "PNG", transparency=1), []),
    "16 bits": (saved(Image.new("I;16", (96, 80), 40_000), "PNG"), []),
    "one bit": (saved(flat(mode="1"), "PNG"), []),
}
"""Images that are unusual and taken, with what is said of them."""
