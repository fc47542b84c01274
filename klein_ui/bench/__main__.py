"""`python -m klein_ui.bench`: each subcommand measures one thing and prints a table."""

import argparse
import sys
from collections.abc import Sequence

from klein_ui.bench import (
    batch,
    engine,
    keystrokes,
    load,
    lossy,
    scale,
    screenshots,
    scrub,
    soak,
    strength,
)


def main(argv: Sequence[str]) -> int:
    """Run the subcommand that `argv` names; its exit status."""
    parser = argparse.ArgumentParser(prog="klein_ui.bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    keystrokes.add_to(commands)
    engine.add_to(commands)
    strength.add_to(commands)
    lossy.add_to(commands)
    batch.add_to(commands)
    scrub.add_to(commands)
    load.add_to(commands)
    soak.add_to(commands)
    scale.add_to(commands)
    screenshots.add_to(commands)
    chosen = parser.parse_args(argv)
    return int(chosen.run(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
