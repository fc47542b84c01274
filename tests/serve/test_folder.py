"""Folders of replicas: one each, and none left of those that were killed."""

import subprocess
import sys
from pathlib import Path

from klein_ui.serve.folder import PREFIX, OwnFolder

DIES = """
import os, sys
from pathlib import Path
from klein_ui.serve.folder import OwnFolder

mine = OwnFolder(Path(sys.argv[1]))
(mine.path / "picture").write_text("kept")
os._exit(1)
"""


def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_has_is_not(
    tmp_path: Path,
) -> None:
    first = OwnFolder(tmp_path)
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False, timeout=60.0)
    assert len(list(tmp_path.glob(f"{PREFIX}*/picture"))) == 1
    second = OwnFolder(tmp_path)
    assert set(tmp_path.iterdir()) == {first.path, second.path}
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []
