"""The command `bayescope`, and `python -m bayescope`: Ctrl-C is one sentence even while the program loads."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it."""
    try:
        from bayescope.cli import main as run_command

        run_command()
    except KeyboardInterrupt:  # before `run_command` could see to it
        sys.stderr.write("Interrupted before anything was begun.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
