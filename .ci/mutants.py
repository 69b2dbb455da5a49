"""Mutation testing: change the code at random places, one at a time; which changes do tests notice?

The changes are Cosmic Ray's. Each mutant meets the unit tests that run its line: those of its own test file
first, then those of its folder, then the others, the shortest first. It lives in the memory of one process,
never in a file.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import math
import os
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutant_places import PARTS, Mutant, sample

OPTIONS = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
OPTIONS += ["--hypothesis-seed=0", "-m", "not slow"]
ENOUGH = 60.0  # seconds: a mutant meets no more tests than usually take this long
LIMIT = 300.0  # seconds: a mutant that still runs then is taken for one that never ends
FOLDER = Path("mutants")
NO_TESTS_RAN, NO_TESTS_FOUND = 99, 5  # exit codes: of a fault here, and pytest's


class Recorder:
    """A pytest plugin: which test runs which line, and how long it takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.measured = coverage.Coverage(data_file=None, source=["src/bayescope"])

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name the lines that run from here on after the test, and add its time of the processor."""
        self.measured.switch_context(item.nodeid)
        start = time.process_time()  # other work on the machine does not make it longer
        yield
        self.seconds[item.nodeid] += time.process_time() - start


class Chosen:
    """A pytest plugin: run these tests only, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self.tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests."""
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[name] for name in self.tests if name in by_name]


class Memory(importlib.machinery.SourceFileLoader):
    """Import one module from a text in memory."""

    def __init__(self, mutant: Mutant) -> None:
        name = (
            mutant.file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        )
        super().__init__(name, str(Path(mutant.file).resolve()))
        self.text = mutant.code()

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Answer for the one module."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> Any:
        """Compile the text, not the file."""
        return compile(self.text, self.get_filename(fullname), "exec", dont_inherit=True)


def apart(work: Callable[[], int], limit: float, log: Path) -> int | None:
    """Work in a process of its own, and return its exit code; None when it was stopped at the limit."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        out = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = NO_TESTS_RAN
        try:
            code = work()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def record() -> int:
    """Run all tests once, and write who runs which line to a file; return pytest's exit code."""
    recorder = Recorder()
    entries = [entry for part in PARTS.values() for entry in part.tests]
    files = [str(path) for entry in entries for path in sorted(Path().glob(entry))]
    recorder.measured.start()
    code = int(pytest.main([*OPTIONS, *files], plugins=[recorder]))
    recorder.measured.stop()
    data = recorder.measured.get_data()
    lines = {
        str(Path(file).relative_to(Path.cwd())): {
            line: [name for name in names if name] for line, names in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    (FOLDER / "tests.json").write_text(json.dumps({"seconds": recorder.seconds, "lines": lines}), "utf-8")
    return code


def statement(file: str, line: int) -> range:
    """Return the lines of the simple statement, or of the head of the compound one, that holds a line."""
    lines = range(line, line + 1)
    for node in ast.walk(ast.parse(Path(file).read_text("utf-8"))):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or line
            if line <= max(last, node.lineno):
                lines = range(node.lineno, max(last, node.lineno) + 1)
    return lines


def tests_of(mutant: Mutant, known: dict[str, Any]) -> list[str]:
    """Return the tests that run the mutant's line, else its module or are of its folder, in order."""
    by_line = known["lines"].get(mutant.file, {})
    very = set(by_line.get(str(mutant.line), ()))
    names = {name for line in statement(mutant.file, mutant.line) for name in by_line.get(str(line), ())}
    own = tuple(f"/test_{part}" for part in Path(mutant.file).stem.split("_"))
    folder, seconds = f"/{Path(mutant.file).parent.name}/", known["seconds"]
    if not names:  # it runs when the module is imported
        names = {name for found in by_line.values() for name in found}
        names |= {name for name in seconds if folder in name}
    order = sorted(
        names,
        key=lambda name: (
            not any(part in name for part in own),
            name not in very,
            folder not in name,
            seconds[name],
            name,
        ),
    )
    chosen: list[str] = []
    total = 0.0
    for name in order:
        total += seconds[name]
        if chosen and total > ENOUGH:
            break
        chosen.append(name)
    return chosen


def run(tests: list[str]) -> int:
    """Run these tests until one fails; return pytest's exit code, 0 when there are none."""
    files = sorted({name.split("::")[0] for name in tests})
    code = int(pytest.main([*OPTIONS, *files], plugins=[Chosen(tests)])) if tests else 0
    return 0 if code == NO_TESTS_FOUND else code


def judge(mutant: Mutant, known: dict[str, Any], log: Path) -> str:
    """Return what becomes of a mutant: killed, survived, or timeout."""
    tests = tests_of(mutant, known)
    if not tests:
        return "survived"
    file = tests[0].split("::")[0]
    likely = [name for name in tests if name.startswith(f"{file}::")]

    def work() -> int:
        sys.meta_path.insert(0, Memory(mutant))
        return run(likely) or run([name for name in tests if name not in likely])

    code = apart(work, LIMIT, log)
    if code == NO_TESTS_RAN:
        raise RuntimeError(f"no test was run: {log}")
    return "timeout" if code is None else "survived" if code == 0 else "killed"


def interval(killed: int, size: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion."""
    z, share = 1.959964, killed / size
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return middle - half, middle + half


def results(
    mutants: Iterable[Mutant], known: dict[str, Any], before: dict[str, str], file: Path
) -> Iterator[str]:
    """Yield what becomes of each mutant, and write it to a file; those killed `before` are left out."""
    for number, mutant in enumerate(mutants):
        key = f"{mutant.file}:{mutant.line}:{mutant.operator}:{mutant.occurrence}"
        if before.get(key) in (None, "survived"):
            begun = time.monotonic()
            before[key] = judge(mutant, known, FOLDER / "last.log")
            print(f"{number} {before[key]} {key} {time.monotonic() - begun:.1f} s", flush=True)
            file.write_text(json.dumps(before, indent=1), "utf-8")
        yield before[key]


def report(part: str, results: list[str]) -> None:
    """Print the share of the mutants of a part that were killed."""
    counts, size = Counter(results), len(results)
    killed = counts["killed"] + counts["timeout"]
    low, high = interval(killed, size)
    print(f"{part}: {killed} of {size} killed ({counts['timeout']} by the time limit), "
          f"{killed / size:.1%}, 95 % interval {low:.1%} to {high:.1%}", flush=True)  # fmt: skip


def main() -> int:
    """Test a sample of mutants of each part, and return 1 when the tests fail without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100, help="how many of each part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=PARTS, help="only this part of the code")
    parser.add_argument("--survivors", action="store_true", help="not those that were killed the last time")
    parser.add_argument("--keep", action="store_true", help="as the last time: which test runs which line")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault("PYTENSOR_FLAGS", "linker=py")  # to compile a graph takes longer than its test
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("arviz", "hypothesis", "nutpie", "pydantic", "pymc", "ruamel.yaml", "scipy.stats"):
        importlib.import_module(name)  # once, not once a mutant
    gc.freeze()
    if not (options.keep and (FOLDER / "tests.json").exists()) and apart(record, 3600, FOLDER / "tests.log"):
        print(f"the tests fail without a mutant: {FOLDER / 'tests.log'}")
        return 1
    known = json.loads((FOLDER / "tests.json").read_text("utf-8"))
    file = FOLDER / f"seed-{options.seed}.json"
    before = json.loads(file.read_text("utf-8")) if options.survivors else {}
    for part in [options.part] if options.part else PARTS:
        report(part, list(results(sample(part, options.size, options.seed), known, before, file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
