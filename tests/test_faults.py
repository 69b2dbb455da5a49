"""Kills, signals, full and read-only disks, flipped bits, races: no corrupt result, no traceback, the right code.

Commands run in children of one process that has everything loaded (`SERVER`), so that hundreds of faults take
minutes. Each long test prints its counts: `pytest -m slow -s tests/test_faults.py`.
"""
# ruff: noqa: S311, T201  random times need not be secret, and the counts are to be seen

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bayescope
from bayescope.errors import ConfigError, DataError, RunFolderError
from bayescope.inference.store import fit_to_bytes, load_fit
from bayescope.preparation import prepare, read_config

CONFIG = {
    "name": "line",
    "data": "data.csv",
    "model": {"use": "linear", "formula": "y ~ x", "priors": {"sigma": "HalfNormal(5)"}},
    "inference": ["mle", "map", {"exact": {"draws": 500}}],
}

# One child a line of arguments: it answers with the child's number, and then with how the child ended.
SERVER = """
import json, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import bayescope.pipeline, bayescope.runs, bayescope.reports.writer, bayescope.reports.terminal
from bayescope.cache import Cache, LARGEST
from bayescope.__main__ import main
bayescope.run(json.loads(sys.argv[1]), out="warm")
Cache.__init__.__defaults__ = ("", LARGEST, 0.0)  # every fit is kept, however fast
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(os.open("err.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        sys.stderr = open(2, "w", closefd=False)
        sys.stdout = open(1, "w", closefd=False)
        try:
            sys.argv[1:] = json.loads(line)
            main()
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)
        os._exit(99)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Server:
    """A process with everything loaded, in a folder with a run's configuration and data."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore::DeprecationWarning",
                "-c",
                SERVER,
                json.dumps({**CONFIG, "data": str(folder / "data.csv")}),
            ],
            cwd=folder,
            env=os.environ | {"BAYESCOPE_CACHE": str(folder / "cache")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments):
        self.process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        return int(self.process.stdout.readline())

    def stop(self):
        self.process.communicate()

    def run(self, *arguments):
        self.start(*arguments)
        return self.end(), (self.folder / "err.txt").read_text()

    def seconds(self, *arguments):
        """How long a command takes that succeeds, once the server is up."""
        assert self.run("validate", "run.yaml")[0] == 0
        started = time.perf_counter()
        assert self.run(*arguments)[0] == 0
        return time.perf_counter() - started


def write_project(folder):
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    rows = zip(x, 1 + 2 * x + rng.normal(size=40), strict=True)
    text = "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in ((float(a), float(b)) for a, b in rows))
    (folder / "data.csv").write_text(text)
    (folder / "run.yaml").write_text(json.dumps(CONFIG))


@pytest.fixture
def server(tmp_path):
    write_project(tmp_path)
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run folder, and the folder that it was made in."""
    folder = tmp_path_factory.mktemp("finished")
    write_project(folder)
    return bayescope.run(folder / "run.yaml", out=folder / "runs").folder


def whole_or_absent(parent):
    """Every run folder under `parent` can be read back, every file as it was written."""
    for folder in parent.glob("*/run.json") if parent.exists() else ():
        bayescope.load(folder.parent)


def undamaged(cache):
    """Every entry of a cache is what was written."""
    for entry in cache.glob("*.fit"):
        content = entry.read_bytes()
        assert content[:32] == hashlib.sha256(content[32:]).digest(), entry


def fits_of(parent):
    """The content of every fit but for its seconds, and of the table of estimates."""
    (folder,) = parent.iterdir()
    fits = {path.name: load_fit(path) for path in folder.glob("fits/*.nc")}
    assert len(fits) == len(CONFIG["inference"])
    content = {name: fit_to_bytes(replace(fit, timings={})) for name, fit in fits.items()}
    return content | {"estimates.csv": (folder / "estimates.csv").read_bytes()}


class TestFlippedBits:
    def test_a_flipped_bit_in_any_file_of_a_run_folder_is_found(self, finished, tmp_path):
        folder = shutil.copytree(finished, tmp_path / "run")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        assert len(files) >= 8
        rng = random.Random(3)
        flips = 0
        for file in files:
            content = file.read_bytes()
            places = {
                0,
                len(content) // 2,
                len(content) - 1,
                *(rng.randrange(len(content)) for _ in range(3)),
            }
            for place in places:
                flipped = bytearray(content)
                flipped[place] ^= 1 << rng.randrange(8)
                file.write_bytes(flipped)
                with pytest.raises(RunFolderError):
                    bayescope.load(folder)
                flips += 1
            file.write_bytes(content)
        bayescope.load(folder)
        print(f"\n{flips} flipped bits in {len(files)} files of a run folder: {flips} found")

    def test_any_bit_of_run_json(self, finished, tmp_path):
        folder = shutil.copytree(finished, tmp_path / "run")
        file = folder / "run.json"
        content = file.read_bytes()
        rng = random.Random(4)
        for place in rng.sample(range(len(content)), 150):
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.randrange(8)
            file.write_bytes(flipped)
            with pytest.raises(RunFolderError, match=r"run\.json"):
                bayescope.load(folder)

    def test_a_missing_a_cut_and_an_exchanged_file_are_found(self, finished, tmp_path):
        folder = shutil.copytree(finished, tmp_path / "run")
        mle, exact = folder / "fits" / "mle.nc", folder / "fits" / "exact.nc"
        contents = mle.read_bytes(), exact.read_bytes()
        mle.unlink()
        with pytest.raises(RunFolderError, match=r"mle\.nc is missing"):
            bayescope.load(folder)
        for content in (contents[0][:-1], b"", contents[1]):
            mle.write_bytes(content)
            with pytest.raises(RunFolderError, match=r"mle\.nc was changed.*Run the configuration again"):
                bayescope.load(folder)


class TestFilesThatChange:
    @pytest.mark.parametrize("change", [lambda path: path.write_text("x,y\n1,2\n2,1\n3,3\n"), Path.touch])
    def test_a_data_file_that_changes_while_it_is_read_is_refused(self, tmp_path, monkeypatch, change):
        from bayescope.data import files

        write_project(tmp_path)
        read = files._READERS[".csv"]

        def reading(path, source):
            table = read(path, source)
            os.utime(path, ns=(1, 1))
            change(path)
            return table

        monkeypatch.setattr(files, "_READERS", {".csv": reading})
        with pytest.raises(DataError, match="changed while it was read; run again") as refusal:
            prepare(read_config(tmp_path / "run.yaml"))
        assert refusal.value.exit_code == 3

    def test_so_is_one_that_is_replaced_or_goes_away(self, tmp_path, monkeypatch):
        from bayescope.data import files

        write_project(tmp_path)
        read = files._READERS[".csv"]

        def reading(path, source):
            table = read(path, source)
            shutil.copy2(path, tmp_path / "copy.csv")
            (tmp_path / "copy.csv").replace(path)
            return table

        monkeypatch.setattr(files, "_READERS", {".csv": reading})
        with pytest.raises(DataError, match="changed while it was read"):
            prepare(read_config(tmp_path / "run.yaml"))

    def test_a_configuration_that_changes_while_it_is_read_is_refused(self, tmp_path, monkeypatch):
        write_project(tmp_path)
        times = count()
        stand_in = SimpleNamespace(fstat=lambda _descriptor: SimpleNamespace(st_mtime_ns=next(times)))
        monkeypatch.setattr("bayescope.config.nodes.os", stand_in)
        with pytest.raises(ConfigError, match=r"run\.yaml: changed while it was read; try again") as refusal:
            read_config(tmp_path / "run.yaml")
        assert refusal.value.exit_code == 2


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of so many bytes at `folder`."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
class TestKills:
    def test_kill_9_at_50_random_times(self, server):
        """A folder is whole or absent, the cache undamaged, and the next run finishes with the same bits."""
        folder = server.folder
        duration = server.seconds("run", "run.yaml", "--out", "reference", "--no-cache")
        reference, rng, ends = fits_of(folder / "reference"), random.Random(1), Counter()
        for _ in range(50):
            started = time.perf_counter()
            child = server.start("run", "run.yaml", "--out", "runs")
            time.sleep(rng.uniform(0, 1.1 * duration))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            end = server.end()
            ends[end] += 1
            if end == 0:  # by what it took from the cache
                duration = min(duration, time.perf_counter() - started)
            whole_or_absent(folder / "runs")
            undamaged(folder / "cache")
        assert ends[-9] >= 25
        assert set(ends) <= {0, -9}
        code, err = server.run("run", "run.yaml", "--out", "runs")
        assert code == 0, err
        assert fits_of(folder / "runs") == reference
        print(
            f"\nkill -9 at 50 random times: {ends[-9]} killed, {ends[0]} finished first; no corrupt folder or entry"
        )

    @pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_at_25_random_times(self, server, sent, code):
        folder = server.folder
        duration = server.seconds("run", "run.yaml", "--out", "reference", "--no-cache")
        rng, ends = random.Random(2), Counter()
        for _ in range(25):
            for made in ("runs", "cache"):
                shutil.rmtree(folder / made, ignore_errors=True)
            child = server.start("run", "run.yaml", "--out", "runs")
            time.sleep(rng.uniform(0.05, duration))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, sent)
            end = server.end()
            ends[end] += 1
            err = (folder / "err.txt").read_text()
            assert "Traceback" not in err
            # before bayescope was loaded: a signal that is not caught is a shell's 143, too
            if (end == -sent and not err) or err == "Interrupted before anything was begun.\n":
                assert end in {-sent, code}
                assert not (folder / "runs").exists()
                continue
            assert end in {0, code}, err
            assert end == 0 or "start it again to go on" in err
            whole_or_absent(folder / "runs")
            undamaged(folder / "cache")
            left = [path.name for path in (folder / "runs").iterdir()] if (folder / "runs").exists() else []
            assert [name for name in left if name.startswith(".")] == []
        assert ends[code] >= 10
        print(f"\n{sent.name} at 25 random times: {ends[code]} ended with {code}, {ends[0]} finished first")


@pytest.mark.slow
class TestDisks:
    def test_a_disk_that_is_full_at_every_write(self, server):
        """From room for nothing to room for all: refused with a reason, nothing left; then the run is there."""
        folder, ends = server.folder, Counter()
        assert server.run("run", "run.yaml", "--out", "reference", "--no-cache")[0] == 0
        files = [path for path in (folder / "reference").rglob("*") if path.is_file()]
        page = os.sysconf("SC_PAGESIZE")
        sizes = np.cumsum([page, *(page + path.stat().st_size for path in files)])
        for size in (*sizes, *(sizes - page // 2), 2 * sizes[-1] + 100 * page):
            with small_disk(folder / "disk", int(size)) as disk:
                code, err = server.run("run", "run.yaml", "--out", disk, "--no-cache")
                ends[code] += 1
                assert code in {0, 1}, err
                assert "Traceback" not in err
                assert code == 0 or "cannot be written: No space left on device" in err
                left = list(disk.iterdir())
                assert bool(left) == (code == 0)
                whole_or_absent(disk)
        assert ends[1] >= 10
        assert ends[0] >= 1
        print(
            f"\nfull disk at {sum(ends.values())} sizes: {ends[1]} refused and left nothing, {ends[0]} had room"
        )

    def test_a_cache_on_a_full_disk_costs_no_answer(self, server):
        with small_disk(server.folder / "cache", 2 * os.sysconf("SC_PAGESIZE")) as disk:
            code, err = server.run("run", "run.yaml", "--out", "runs")
            assert code == 0, err
            assert list(disk.glob("*.partial")) == []
        whole_or_absent(server.folder / "runs")

    def test_predictions_on_a_full_disk(self, server):
        assert server.run("run", "run.yaml", "--out", "runs")[0] == 0
        (run,) = (server.folder / "runs").iterdir()
        header, rows = (server.folder / "data.csv").read_text().split("\n", 1)
        (server.folder / "new.csv").write_text(
            f"{header}\n{10 * rows}"
        )  # 400 rows of numbers are no one page
        for suffix in ("csv", "json", "parquet", "feather"):
            with small_disk(server.folder / "disk", os.sysconf("SC_PAGESIZE")) as disk:
                code, err = server.run(
                    "predict", run, "new.csv", "--kind", "interval", "--out", disk / f"p.{suffix}"
                )
                assert code == 1, err
                assert "No space left on device" in err
                assert "Traceback" not in err
                assert list(disk.iterdir()) == []

    def test_a_read_only_folder(self, server):
        folder = server.folder
        with small_disk(folder / "disk", 10_000_000) as disk:
            assert server.run("run", "run.yaml", "--out", disk)[0] == 0
            (run,) = disk.iterdir()
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
            for arguments in (
                ("run", "run.yaml", "--out", disk),
                ("run", "run.yaml", "--out", disk / "new"),
                ("report", run),
                ("update", run, "data.csv"),
                ("predict", run, "data.csv", "--out", disk / "p.csv"),
            ):
                code, err = server.run(*arguments)
                assert code == 1, (arguments, err)
                assert "Read-only file system" in err
                assert "Traceback" not in err
            assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
class TestRaces:
    def test_two_runs_to_one_folder_at_once(self, server):
        """Both finish, one after the other takes the name, and whoever looks meanwhile finds a whole folder."""
        other = Server(server.folder)
        for _ in range(10):
            for each in (server, other):
                each.start("run", "run.yaml", "--out", "runs")
            assert [server.end(), other.end()] == [0, 0]
            whole_or_absent(server.folder / "runs")
            assert len(list((server.folder / "runs").iterdir())) == 1
        other.stop()
        print("\ntwo runs to one folder at once, 10 times: both finished, and the folder is whole")

    def test_a_data_file_that_is_written_while_runs_read_it(self, server):
        """The data are those before, or those after, or refused: never a mixture."""
        folder, ends = server.folder, Counter()
        one = (folder / "data.csv").read_text()
        two = one.replace("\n", "\n0.5,1.5\n", 1)
        prints = set()
        for text in (one, two):
            (folder / "data.csv").write_text(text)
            prints.add(prepare(read_config(folder / "run.yaml"))[0].fingerprint)
        for k in range(20):
            server.start("validate", "run.yaml")
            (folder / "next.csv").write_text((one, two)[k % 2])
            (folder / "next.csv").replace(folder / "data.csv")
            code = server.end()
            ends[code] += 1
            err = (folder / "err.txt").read_text()
            assert code in {0, 3}, err
            assert "Traceback" not in err
            assert prepare(read_config(folder / "run.yaml"))[0].fingerprint in prints
        print(f"\na data file replaced while it is read, 20 times: {ends[0]} read whole, {ends[3]} refused")


@pytest.mark.slow
def test_a_command_that_ends_soon_after_it_has_read_the_data_ends_well(tmp_path):
    """No thread of Arrow's needs the interpreter when it ends: with a file of Python's, 2 to 9 in 100 aborted."""
    write_project(tmp_path)
    command = [sys.executable, "-m", "bayescope", "validate", "run.yaml"]
    ends = Counter(
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode for _ in range(200)
    )
    assert ends == {0: 200}
    print("\n200 commands that end soon after they have read the data: all ended with 0")
