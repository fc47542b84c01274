"""The README's tree names every module, and nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_tree_of_the_readme_is_the_tree() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text[text.index("\nklein_ui/\n") : text.index("\nassets/postcard/")]
    told: set[str] = set()
    folder = ""
    for line in tree.splitlines():
        if inner := re.match(r"  (\w+)/", line):
            folder = f"{inner[1]}/"
        elif module := re.match(r"  (  )?(\w+\.py) ", line):
            told.add(f"{folder if module[1] else ''}{module[2]}")
    package = ROOT / "klein_ui"
    there = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert told == there
