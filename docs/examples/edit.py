"""An edit of an image, with a second one as a reference and a mask. No packages.

python edit.py http://127.0.0.1:7860 photo.png style.png mask.png
"""

import json
import os
import secrets
import sys
from pathlib import Path
from urllib.request import Request, urlopen

URL = sys.argv[1].rstrip("/")
PHOTO, STYLE, MASK = map(Path, sys.argv[2:5])
FIELDS = {
    "prompt": "make it night",
    "seed": 3,
    "images": [{"role": "the subject"}, {"role": "style", "strength": 0.5}],
}


def form(parts):
    """The body and the content type of a form of (name, file name, bytes)."""
    edge, body = secrets.token_hex(16), b""
    for name, file, content in parts:
        named = f'; filename="{file}"' if file else ""
        body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


body, kind = form(
    [
        ("request", "", json.dumps(FIELDS).encode()),
        ("image", PHOTO.name, PHOTO.read_bytes()),
        ("image", STYLE.name, STYLE.read_bytes()),
        ("mask", MASK.name, MASK.read_bytes()),
    ]
)
headers = {"Content-Type": kind}
if token := os.environ.get("KLEIN_TOKEN"):
    headers["Authorization"] = f"Bearer {token}"
with urlopen(Request(f"{URL}/gradio_api/v1/edit", body, headers)) as answer:
    Path("night.png").write_bytes(answer.read())
print("night.png")
