"""What hostile input does is watched by an audit hook of the interpreter: it must be nothing at all."""

import os
import sys
from contextlib import contextmanager

import pytest

from bayescope.cli import main

_EFFECTS = (
    "exec", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.", "pty.",
    "socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "ctypes.", "code.", "marshal.", "pickle.",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.kill", "os.putenv", "os.unsetenv", "shutil.", "tempfile.",
)  # fmt: skip


class _Watch:
    """The effects seen while `seen` is a list; a hook cannot be taken away again, only told to be still."""

    seen: list[str] | None = None

    def __call__(self, event, arguments):
        if self.seen is None:
            return
        if event.startswith(_EFFECTS):
            self.seen.append(f"{event} {arguments!r}"[:300])
        elif event == "open" and _writes(*arguments):
            self.seen.append(f"open to write {arguments[0]!r}")


def _writes(_path, mode, flags):
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@pytest.fixture(scope="session")
def _watch():
    watch = _Watch()
    sys.addaudithook(watch)
    return watch


@pytest.fixture
def watched(_watch):
    """A context in which the effects of Python code on the world outside are listed."""

    @contextmanager
    def watching():
        _watch.seen = seen = []
        try:
            yield seen
        finally:
            _watch.seen = None

    return watching


@pytest.fixture
def command(capsys):
    """Run the command line; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run
