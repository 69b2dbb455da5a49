"""The cache of finished fits: a killed run goes on where it was, with the answers that it had, bit for bit.

An entry is named by the sha256 of everything that its fit depends on: the recipe and its settings, the model
with its data, the seed, the versions of the libraries, and bayescope's own code. It holds the fit as a run
folder does (`bayescope.inference.store`, nothing pickled) behind the sha256 of that content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihood import Likelihood
from bayescope.errors import RunFolderError
from bayescope.inference.fit import Fit
from bayescope.inference.store import fit_from_bytes, fit_to_bytes
from bayescope.models.model import Model

LARGEST = 2_000_000_000
"""Bytes that all entries together may take; those that were used least recently go first."""

WORTHWHILE = 1.0
"""Seconds that a fit must have taken to be kept: a faster one is as well made again."""

_VARIABLE = "BAYESCOPE_CACHE"
_ENTRY, _PARTIAL = ".fit", ".partial"
_ABANDONED = 3600.0  # seconds after which a half-written entry is what a killed process has left
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Cache:
    """A folder of entries of fits to one model, made by these versions of what computes them."""

    folder: Path
    versions: Mapping[str, str]
    model: str = ""
    largest: int = LARGEST
    worthwhile: float = WORTHWHILE

    def about(self, model: Model) -> Cache:
        """The same cache for fits to `model`, which is read once for all of them."""
        return replace(self, model=key(model))

    def recall(self, causes: object, compute: Callable[[], Fit]) -> Fit:
        """Return the fit that `causes` had before, marked as `recalled`, or compute it and keep it.

        `causes` are what it depends on beside the model, the versions and the code.

        A cache that cannot be read or written costs time, never an answer.
        """
        path = self.folder / (key((causes, self.model, self.versions, code_version())) + _ENTRY)
        if (known := _read(path)) is not None:
            return replace(known, recalled=True)
        fit = compute()
        if fit.answered and fit.timings["total"] >= self.worthwhile:
            with contextlib.suppress(OSError):
                self._keep(path, fit)
        return fit

    def _keep(self, path: Path, fit: Fit) -> None:
        content = fit_to_bytes(fit)
        if len(content) > self.largest:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _replacing(path) as partial:
            partial.write_bytes(hashlib.sha256(content).digest() + content)
        self._shrink()

    def _shrink(self) -> None:
        """Remove what was used least recently until the rest is small enough, and what was abandoned."""
        for partial in self.folder.glob(f"*{_PARTIAL}"):
            if time.time() - partial.stat().st_mtime > _ABANDONED:
                partial.unlink(missing_ok=True)
        entries = sorted(((entry.stat(), entry) for entry in self.entries()), key=lambda e: e[0].st_mtime_ns)
        excess = sum(stat.st_size for stat, _ in entries) - self.largest
        for stat, entry in entries:
            if excess <= 0:
                break
            entry.unlink(missing_ok=True)
            excess -= stat.st_size

    def entries(self) -> tuple[Path, ...]:
        """The files of the entries."""
        return tuple(self.folder.glob(f"*{_ENTRY}"))

    def size(self) -> int:
        """Bytes of all entries together."""
        return sum(entry.stat().st_size for entry in self.entries())

    def clear(self) -> None:
        """Remove every entry, and nothing else that may be in the folder."""
        for file in (*self.entries(), *self.folder.glob(f"*{_PARTIAL}")):
            file.unlink(missing_ok=True)


def default_folder() -> Path:
    """`$BAYESCOPE_CACHE`, or the folder for caches of the user's system (XDG on Linux)."""
    from platformdirs import user_cache_path

    return Path(os.environ.get(_VARIABLE) or user_cache_path("bayescope", appauthor=False)).absolute()


def _read(path: Path) -> Fit | None:
    """Read an entry and mark it as used; a damaged one is removed, and is none."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    digest, content = stored[:_DIGEST], stored[_DIGEST:]
    if hashlib.sha256(content).digest() == digest:
        with contextlib.suppress(RunFolderError):  # an earlier format
            return fit_from_bytes(content, str(path))
    with contextlib.suppress(OSError):
        path.unlink()
    return None


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a file to write to; it becomes `path` if nothing goes wrong, and is removed if something does."""
    handle, name = tempfile.mkstemp(suffix=_PARTIAL, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@cache
def code_version() -> str:
    """The sha256 of bayescope's source files: after any change of the code every fit is made anew."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def key(value: object) -> str:
    """The sha256 (hex) of a value made of plain data, arrays, functions of modules, and dataclasses of these.

    With anything else in it the key is another each time, so that nothing is taken for what it may not be.
    """
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    """Write a value as bytes from which it could be read again, so that different values differ."""
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        text = repr(value).encode()
        yield f"{type(value).__name__} {len(text)} ".encode() + text
    elif isinstance(value, np.ndarray):
        yield from _array_parts(value)
    elif isinstance(value, Mapping):
        yield from _sequence_parts("mapping", [each for item in value.items() for each in item])
    elif isinstance(value, tuple | list):
        yield from _sequence_parts("sequence", value)
    elif isinstance(value, Likelihood):
        yield from _parts(value.name)  # a table entry; what a model adds to it is in the model as well
    elif isinstance(value, FunctionType) and value.__name__ == value.__qualname__ != "<lambda>":
        yield from _parts((value.__module__, value.__name__))
    elif is_dataclass(value):
        contents = [getattr(value, field.name) for field in fields(value)]
        yield from _sequence_parts(type(value).__name__, contents)
    else:
        yield os.urandom(_DIGEST)


def _sequence_parts(kind: str, values: tuple[Any, ...] | list[Any]) -> Iterator[bytes | memoryview]:
    yield f"{kind} {len(values)} ".encode()
    for value in values:
        yield from _parts(value)


def _array_parts(array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield f"array {array.dtype} {array.shape} {array.flags.f_contiguous} ".encode()
    if array.dtype == object:
        yield from _parts(array.tolist())
    else:  # an array by columns is read as the array by rows that its transpose is: without a copy
        rows = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
        yield rows.reshape(-1).view(np.uint8).data
