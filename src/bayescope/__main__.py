"""The command `bayescope`, and `python -m bayescope`: a signal is one sentence, wherever it comes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def main() -> NoReturn:
    """Load the command line and run it."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # or it looks for them in every package
    sys.unraisablehook = _signal_again
    try:
        from bayescope.cli import main as run_command

        run_command()
    except KeyboardInterrupt:  # before `run_command` could see to it
        sys.stderr.write("Interrupted before anything was begun.\n")
        sys.exit(130)


def _signal_again(ignored: UnraisableHookArgs) -> None:
    """Send a signal once more that came in a destructor or in a callback of the collector."""
    if ignored.exc_type not in {KeyboardInterrupt, SystemExit}:
        sys.__unraisablehook__(ignored)
    elif not sys.is_finalizing():
        import signal
        import threading

        sent = signal.SIGINT if ignored.exc_type is KeyboardInterrupt else signal.SIGTERM
        later = threading.Timer(0.01, os.kill, (os.getpid(), sent))
        later.daemon = True
        later.start()


if __name__ == "__main__":
    main()
