"""A picture by Gradio's own client: pip install gradio_client.

python gradio_picture.py http://127.0.0.1:7860
"""

import os
import sys
from shutil import copy

from gradio_client import Client

url = (sys.argv[1:] or ["http://127.0.0.1:7860"])[0]
token = os.environ.get("KLEIN_TOKEN")
client = Client(url, headers={"Authorization": f"Bearer {token}"} if token else None, verbose=False)
copy(client.predict("a red sun over the sea", seed=7, api_name="/generate"), "gradio.png")
print("gradio.png")
