"""A picture of a prompt, saved with its request inside, then the same as WebP. No packages.

python picture.py http://127.0.0.1:7860
"""

import json
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

URL = (sys.argv[1:] or ["http://127.0.0.1:7860"])[0].rstrip("/")
HEADERS = {"Content-Type": "application/json"}
if token := os.environ.get("KLEIN_TOKEN"):
    HEADERS["Authorization"] = f"Bearer {token}"


def post(name, fields):
    return urlopen(Request(f"{URL}/gradio_api/v1/{name}", json.dumps(fields).encode(), HEADERS))


with post("generate", {"prompt": "a red sun over the sea", "seed": 7}) as answer:
    frame = answer.headers["Klein-Frame"]
    Path("sun.png").write_bytes(answer.read())

with post("export", {"frame": frame, "as": "webp"}) as answer:
    Path("sun.webp").write_bytes(answer.read())

print("sun.png and sun.webp")
