"""`app.py` where the package `spaces` cannot be imported."""

import sys

sys.modules["spaces"] = None  # type: ignore[assignment]

from klein_ui import lasting

if __name__ == "__main__":
    lasting.begin()

import app

if __name__ == "__main__":
    sys.exit(app.run(sys.argv[1:]))
