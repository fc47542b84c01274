"""Frames as they come: drafts, then the full picture; then four seeds. No packages.

python stream.py http://127.0.0.1:7860
"""

import base64
import json
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

URL = (sys.argv[1:] or ["http://127.0.0.1:7860"])[0].rstrip("/")
HEADERS = {"Content-Type": "application/json"}
if token := os.environ.get("KLEIN_TOKEN"):
    HEADERS["Authorization"] = f"Bearer {token}"


def lines(name, fields):
    asked = Request(f"{URL}/gradio_api/v1/{name}", json.dumps(fields).encode(), HEADERS)
    with urlopen(asked) as answer:
        for line in answer:
            yield json.loads(line)


for line in lines("stream", {"prompt": "a red sun over the sea"}):
    if line["type"] == "frame":
        print(line["stage"], line["width"], "×", line["height"])
        Path("newest.jpg").write_bytes(base64.b64decode(line["data"]))
    elif line["type"] == "error":
        sys.exit(line["sentence"])

for line in lines("variations", {"prompt": "a red sun over the sea", "count": 4}):
    if line["type"] == "frame":
        Path(f"seed-{line['seed']}.jpg").write_bytes(base64.b64decode(line["data"]))
print("newest.jpg and seed-0.jpg to seed-3.jpg")
