"""The run folder: written whole or not at all, and read back only if nothing in it was changed."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from bayescope.diagnostics.records import ComparisonRow, Estimate
from bayescope.errors import NoRunFolderError, RunFolderError
from bayescope.inference.fit import Fit
from bayescope.reports.loo import LOO_FILE, loo_text, with_rows
from bayescope.reports.record import RunRecord

_FORMAT = 1
_RECORD = "run.json"
_OWN_HASH = ',\n  "sha256": "'
_ATTEMPTS = 100
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_run_folder(record: RunRecord, fits: Sequence[Fit], destination: Path) -> None:
    """Write a run folder to `destination`, replacing the one that may be there.

    Everything is written to a temporary folder beside it first, which then takes its name: whoever
    looks, at whatever moment, finds a whole folder or none.

    Raises:
        RunFolderError: the folder cannot be written; the one that was there is untouched.
    """
    with replacing(destination) as folder:
        _write_tables(record, folder)
        _write_fits(fits, folder)
        _write_report(record, fits, folder)
        _write_record(record, fits, folder)


def read_run_folder(path: Path) -> tuple[RunRecord, tuple[Fit, ...]]:
    """Read the record and the fits of a run folder back.

    Raises:
        NoRunFolderError: it is not a run folder.
        RunFolderError: a file is missing, or is not the one that was written.
    """
    from bayescope.inference.store import load_fit

    data, whole = _load_record(path)
    _verify(path, data["files"], [] if whole else [f"{_RECORD} was changed"])
    record = with_rows(_parse_record(path, data), path)
    return record, tuple(load_fit(path / "fits" / f"{name}.nc") for name in data["fits"])


def rebuild_report(path: Path) -> Path:
    """Render figures and reports of a run folder anew, without fitting anything; return the HTML report.

    Raises:
        RunFolderError: the folder cannot be read (`read_run_folder`) or written (`write_run_folder`).
    """
    record, fits = read_run_folder(path)
    with replacing(path) as folder:
        shutil.copytree(path, folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "figures", ignore_errors=True)
        _write_report(record, fits, folder)
        _write_record(record, fits, folder)
    return path / "report.html"


@contextlib.contextmanager
def replacing(destination: Path, mark: str = _RECORD) -> Iterator[Path]:
    """Give a new folder to write to; it becomes `destination` if nothing goes wrong.

    What is there already is replaced if it is empty, or a folder of the same kind: one with a file `mark`.

    Raises:
        RunFolderError: the folder cannot be written, or something else is there.
    """
    destination = destination.absolute()
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _refuse_something_else(destination, mark)
        _remove_leftovers(destination)
        folder = Path(
            tempfile.mkdtemp(prefix=_prefix(destination), suffix=".partial", dir=destination.parent)
        )
    except OSError as error:
        raise RunFolderError(f"{destination}: cannot be written: {_reason(error)}") from error
    try:
        yield folder
        folder.chmod(0o777 & ~_umask())
        _swap(folder, destination)
    except OSError as error:
        raise RunFolderError(f"{destination}: cannot be written: {_reason(error)}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(folder: Path, destination: Path) -> None:
    """Give `folder` its name; of several writers of one folder each takes the place of the one before."""
    old = folder.with_suffix(".old")
    for attempt in range(1, _ATTEMPTS + 1):
        with contextlib.suppress(FileNotFoundError):
            destination.rename(old)
        try:
            folder.rename(destination)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST} or attempt == _ATTEMPTS:
                if old.exists() and not destination.exists():
                    old.rename(destination)
                raise
            shutil.rmtree(old, ignore_errors=True)  # what has come in between is whole, and newer
        else:
            break
    shutil.rmtree(old, ignore_errors=True)


def _prefix(destination: Path) -> str:
    return f".{destination.name}.{os.getpid()}."


def _refuse_something_else(destination: Path, mark: str) -> None:
    """Keep from replacing a folder that holds something else than what is written."""
    if not destination.exists() and not destination.is_symlink():
        return
    if not destination.is_dir() or not ((destination / mark).is_file() or not any(destination.iterdir())):
        kind = "run" if mark == _RECORD else "path"
        raise RunFolderError(
            f"{destination}: exists and is not a {kind} folder; "
            "remove it or choose another folder with --out."
        )


def _remove_leftovers(destination: Path) -> None:
    """Remove what writers of this folder that were killed half-way have left, or put it back."""
    prefix = f".{destination.name}."
    for leftover in destination.parent.iterdir():
        pid = leftover.name.removeprefix(prefix).partition(".")[0]
        if (
            leftover.name.startswith(prefix)
            and leftover.suffix in {".partial", ".old"}
            and pid.isdigit()
            and not _is_running(int(pid))
        ):
            if leftover.suffix == ".old" and not destination.exists():
                leftover.rename(destination)  # its writer was killed between taking it away and replacing it
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _write_tables(record: RunRecord, folder: Path) -> None:
    (folder / "estimates.csv").write_text(csv_text(Estimate, record.estimates), encoding="utf-8")
    (folder / "comparison.csv").write_text(csv_text(ComparisonRow, record.comparison), encoding="utf-8")
    if record.loo is not None:
        (folder / LOO_FILE).write_text(loo_text(record.loo), encoding="utf-8")


def _write_fits(fits: Sequence[Fit], folder: Path) -> None:
    from bayescope.inference.store import save_fit

    (folder / "fits").mkdir()
    for fit in fits:
        save_fit(fit, folder / "fits" / f"{fit.name}.nc")


def _write_report(record: RunRecord, fits: Sequence[Fit], folder: Path) -> None:
    from bayescope.reports.figures import figures
    from bayescope.reports.html import render_html
    from bayescope.reports.markdown import render_markdown

    pictures = figures(record, fits)
    (folder / "figures").mkdir()
    for name, picture in pictures.items():
        (folder / "figures" / f"{name}.svg").write_text(picture.svg, encoding="utf-8")
        (folder / "figures" / f"{name}.png").write_bytes(picture.png)
    (folder / "report.html").write_text(render_html(record, fits, pictures), encoding="utf-8")
    (folder / "report.md").write_text(render_markdown(record, fits, pictures), encoding="utf-8")


def _write_record(record: RunRecord, fits: Sequence[Fit], folder: Path) -> None:
    """Write run.json last: it holds the hashes of all the others, and ends with that of its own text."""
    data = json.loads(record.model_dump_json())
    data = {"format": _FORMAT, **data, "fits": [fit.name for fit in fits], "files": hashes(folder)}
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    (folder / _RECORD).write_text(text + _end(text), encoding="utf-8")


def _end(text: str) -> str:
    """The last line of run.json, and the bracket after it."""
    return f'{_OWN_HASH}{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n'


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file of a folder but run.json, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / _RECORD)
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def csv_text(row_type: type[BaseModel], rows: Iterable[BaseModel]) -> str:
    """Write records as CSV: a header, numbers in full, empty cells where undefined.

    A text that a spreadsheet would take for a formula (it starts with = + - @, plain or full-width, or
    a control character) is written behind an apostrophe; numbers are untouched.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = list(row_type.model_fields)
    writer.writerow(columns)
    writer.writerows([csv_cell(getattr(row, column)) for column in columns] for row in rows)
    return buffer.getvalue()


def csv_cell(value: Any) -> str:
    """Write a value as a cell of `csv_text`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value
    return repr(value)


def _load_record(path: Path) -> tuple[dict[str, Any], bool]:
    """Read run.json, and tell whether its text is the one that was written."""
    try:
        text = (path / _RECORD).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        wrong = f"not a run folder: it has no {_RECORD}" if path.exists() else "there is no such folder"
        raise NoRunFolderError(f"{path}: {wrong}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{path / _RECORD}: cannot be read: {error}") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RunFolderError(f"{path / _RECORD}: is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT or not _well_formed(data):
        raise RunFolderError(
            f"{path / _RECORD}: was not written by this version of bayescope "
            f"(format {_FORMAT} is expected); run the configuration again."
        )
    before = text.rpartition(_OWN_HASH)[0]
    return data, text == before + _end(before)


def _well_formed(data: dict[str, Any]) -> bool:
    files, fits = data.get("files"), data.get("fits")
    return (
        isinstance(files, dict)
        and isinstance(fits, list)
        and all(isinstance(text, str) for text in (*files.values(), *fits))
        and all(f"fits/{name}.nc" in files for name in fits)
    )


def _verify(path: Path, files: dict[str, str], problems: list[str]) -> None:
    problems += [problem for name, digest in files.items() if (problem := _problem(path, name, digest))]
    if problems:
        raise RunFolderError(
            f"{path}: the run folder is not as it was written: {'; '.join(problems)}. "
            "Run the configuration again."
        )


def _problem(path: Path, name: str, digest: str) -> str:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return f"'{name}' is outside the folder"
    try:
        return "" if _sha256(path / name) == digest else f"{name} was changed"
    except FileNotFoundError:
        return f"{name} is missing"
    except OSError as error:
        return f"{name} cannot be read ({_reason(error)})"


def _parse_record(path: Path, data: dict[str, Any]) -> RunRecord:
    known = {key: value for key, value in data.items() if key not in {"format", "fits", "files", "sha256"}}
    try:
        return RunRecord.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(f"{path / _RECORD}: {place}: {first['msg']}") from error
