"""Run the benchmarks, each section in a process of its own, and write results.md."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib import import_module

from benchmarks.machine import bandwidth, facts, has_rstanarm, one_thread


def main() -> int:
    """Run what is asked for; a section that fails leaves the others' results, and the exit code 1."""
    asked = _arguments()
    one_thread()
    if asked.inside:
        return _inside(asked.only[0], quick=asked.quick)
    from benchmarks.harness import Section, save
    from benchmarks.render import TITLES, render

    if not asked.render:
        missing = has_rstanarm()
        save(
            "machine",
            Section(facts=facts() | {"bandwidth": bandwidth()}, skipped=(missing,) if missing else ()),
        )
    failed = (
        [] if asked.render else [name for name in asked.only or TITLES if _outside(name, quick=asked.quick)]
    )
    print(f"wrote {render().name}" + (f"; these failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument(
        "--only", action="append", default=[], metavar="SECTION", help="a section; may be repeated"
    )
    parser.add_argument("--render", action="store_true", help="only write results.md of what was run before")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _outside(name: str, *, quick: bool) -> int:
    """Run a section in a process of its own, so that none inherits another's memory, threads or crash."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--inside",
        "--only",
        name,
        *(["--quick"] if quick else []),
    ]
    code = subprocess.run(command, check=False).returncode
    print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return code


def _inside(name: str, *, quick: bool) -> int:
    from benchmarks.harness import save

    save(name, import_module(f"benchmarks.{name}").section(quick=quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
