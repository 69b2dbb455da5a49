"""The command `bayescope`, and `python -m bayescope`: a signal is one sentence, wherever it comes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sys import UnraisableHookArgs
    from types import CodeType, FrameType


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
        import _thread  # a Thread would be waited for, and the signal could come while it is
        import signal

        sent = signal.SIGINT if ignored.exc_type is KeyboardInterrupt else signal.SIGTERM
        _thread.start_new_thread(_send_outside, (sent, _thread.get_ident()))


def _send_outside(sent: int, thread: int) -> None:
    """Send a signal when `thread` has left the hook, where it would be lost for good."""
    import time

    while _signal_again.__code__ in _running(sys._current_frames().get(thread)):  # noqa: SLF001 (documented)
        time.sleep(0.01)
    os.kill(os.getpid(), sent)


def _running(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


if __name__ == "__main__":
    main()
