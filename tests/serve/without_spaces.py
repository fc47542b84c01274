"""`app.py` where the package `spaces` cannot be imported."""

import sys

sys.modules["spaces"] = None  # type: ignore[assignment]

import app

if __name__ == "__main__":
    sys.exit(app.main(sys.argv[1:]))
