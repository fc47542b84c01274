"""The limit of open files, in a process of its own."""

import subprocess
import sys

import pytest

pytest.importorskip("resource")

CHILD = """
import resource
from klein_ui.open_files import raised
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raised(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "raised"), [(64, 900, 900), (900, 900, 900), (64, "hard", None)]
)
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: object, raised: int | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(soft=soft, hard=hard)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, now, most = map(int, done.stdout.split())
    assert said == now == (raised or now)
    assert soft < now <= 65_536 or now == most
