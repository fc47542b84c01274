"""`app.py` on ZeroGPU without a GPU; the environment says that it is a Space."""

import sys

from tests.serve import no_gpu

no_gpu.import_spaces()

from klein_ui import lasting

if __name__ == "__main__":
    lasting.begin()

import app

if __name__ == "__main__":
    sys.exit(app.run(sys.argv[1:]))
