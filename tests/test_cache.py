"""The cache of finished fits: what is taken from it is what was computed, and nothing else is ever taken."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bayescope
from bayescope import pipeline
from bayescope.cache import Cache, code_version, default_folder, key
from bayescope.cli import main
from bayescope.errors import FitError
from bayescope.inference.fit import Outcome
from bayescope.inference.registry import METHODS
from bayescope.inference.store import fit_to_bytes

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
LINE = {
    "name": "line",
    "data": {"columns": {"y": [1.0, 1.9, 3.2, 4.4, 4.8], "x": [1, 2, 3, 4, 5], "g": ["a", "b", "a", "b", "b"]}},
    "model": {"use": "linear", "formula": "y ~ x + g", "priors": {"sigma": "HalfNormal(5)"}},
    "inference": ["mle", {"exact": {"draws": 200}}],
}  # fmt: skip


@pytest.fixture
def cache(tmp_path):
    """An empty cache that keeps every fit, however fast."""
    return Cache(tmp_path / "cache", {"numpy": "2"}, worthwhile=0.0)


@pytest.fixture
def calls(monkeypatch):
    """The methods that were computed, in order: what the cache gives is not among them."""
    made = []

    def counting(method):
        def fit(model, settings, context):
            made.append(method.name)
            return method.fit(model, settings, context)

        return replace(method, fit=fit)

    monkeypatch.setattr(pipeline, "METHODS", {name: counting(method) for name, method in METHODS.items()})
    return made


def line(**changes):
    return pipeline.read_config({**LINE, **changes})


def fits_of(loaded, cache):
    _, model = pipeline.prepare(loaded)
    return pipeline.fit_all(loaded.config, model, pipeline.silent, cache=cache.about(model))


class TestWhatIsTaken:
    def test_a_second_run_takes_every_fit_and_gets_the_same_bytes(self, cache, calls):
        first, second = fits_of(line(), cache), fits_of(line(), cache)
        assert calls == ["mle", "exact"]
        assert [fit.recalled for fit in (*first, *second)] == [False, False, True, True]
        assert [fit_to_bytes(fit) for fit in second] == [fit_to_bytes(fit) for fit in first]

    def test_every_table_of_the_run_folder_is_the_same_to_the_byte(self, cache, tmp_path):
        folders = [pipeline.execute(line(), cache=cache).save(tmp_path / out) for out in ("one", "two")]
        names = ["estimates.csv", "comparison.csv", "fits/mle.nc", "fits/exact.nc"]
        names += [path.relative_to(folders[0]).as_posix() for path in folders[0].glob("figures/*.svg")]
        assert len(names) > 4
        for name in names:
            assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name

    def test_a_run_that_was_killed_goes_on_where_it_was(self, cache, calls, monkeypatch):
        def killed(model, settings, context):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setitem(pipeline.METHODS, "exact", replace(METHODS["exact"], fit=killed))
            with pytest.raises(KeyboardInterrupt):
                fits_of(line(), cache)
        assert calls == ["mle"]
        mle, exact = fits_of(line(), cache)
        assert calls == ["mle", "exact"]
        assert (mle.recalled, exact.recalled) == (True, False)

    def test_what_does_not_matter_to_a_method_does_not_keep_it_from_being_taken(self, cache, calls):
        fits_of(line(), cache)
        fits_of(
            line(name="other", title="Another title", inference=["mle", "map", {"exact": {"draws": 200}}]),
            cache,
        )
        assert calls == ["mle", "exact", "map"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"seed": 1},
            {"data": {"columns": {**LINE["data"]["columns"], "y": [1.0, 1.9, 3.2, 4.4, 4.8 + 1e-15]}}},
            {"data": {"columns": {**LINE["data"]["columns"], "g": ["a", "b", "a", "b", "c"]}}},
            {"model": {**LINE["model"], "priors": {"sigma": "HalfNormal(5.000001)"}}},
            {"model": {**LINE["model"], "formula": "y ~ x"}},
            {"inference": [{"exact": {"draws": 201}}]},
        ],
        ids=["seed", "a value", "a level", "a prior", "the formula", "a setting"],
    )
    def test_anything_else_makes_another_fit(self, cache, calls, changes):
        fits_of(line(inference=[{"exact": {"draws": 200}}]), cache)
        fits_of(line(**{"inference": [{"exact": {"draws": 200}}], **changes}), cache)
        assert calls == ["exact", "exact"]

    def test_other_versions_of_the_libraries_or_of_the_code_make_another_fit(self, cache, calls, monkeypatch):
        fits_of(line(), cache)
        fits_of(line(), replace(cache, versions={"numpy": "3"}))
        monkeypatch.setattr("bayescope.cache.code_version", lambda: "changed")
        fits_of(line(), cache)
        assert calls == ["mle", "exact"] * 3


class TestWhatIsKept:
    def test_only_answers_that_took_time(self, cache):
        fits_of(line(), replace(cache, worthwhile=1000.0))
        assert cache.entries() == ()

    def test_no_method_that_failed(self, cache, monkeypatch):
        def failing(model, settings, context):
            raise FitError("it stopped")

        monkeypatch.setattr(pipeline, "METHODS", {**METHODS, "mle": replace(METHODS["mle"], fit=failing)})
        assert fits_of(line(), cache)[0].outcome == Outcome("failed", "it stopped")
        assert len(cache.entries()) == 1

    def test_the_entries_used_least_recently_go_when_there_is_no_room(self, cache):
        fits_of(line(inference=["mle"]), cache)
        fits_of(line(inference=["map"]), cache)
        (oldest, newer) = sorted(cache.entries(), key=lambda entry: entry.stat().st_mtime_ns)
        for age, entry in enumerate((newer, oldest)):
            os.utime(entry, (age, age))  # the first was used again since
        small = replace(cache, largest=int(1.25 * cache.size()))
        fits_of(line(inference=["mle"], seed=1), small)
        assert oldest in cache.entries()
        assert newer not in cache.entries()
        assert cache.size() <= small.largest

    def test_a_fit_beyond_the_limit_is_not_kept_and_nothing_goes_for_it(self, cache):
        fits_of(line(inference=["mle"]), cache)
        fits_of(line(inference=["map"]), replace(cache, largest=10))
        assert len(cache.entries()) == 1

    def test_taking_an_entry_counts_as_use(self, cache):
        fits_of(line(inference=["mle"]), cache)
        (entry,) = cache.entries()
        os.utime(entry, (1, 1))
        fits_of(line(inference=["mle"]), cache)
        assert entry.stat().st_mtime > 1

    def test_what_a_killed_process_left_half_written_is_removed(self, cache):
        cache.folder.mkdir()
        old, new = cache.folder / "old.partial", cache.folder / "new.partial"
        old.touch()
        new.touch()
        os.utime(old, (1, 1))
        fits_of(line(), cache)
        assert (old.exists(), new.exists()) == (False, True)


class TestDamage:
    @pytest.mark.parametrize("where", [0, 31, 32, 500, -1])
    def test_a_flipped_bit_anywhere_means_that_the_fit_is_made_again(self, cache, calls, where):
        (fit,) = fits_of(line(inference=["mle"]), cache)
        (entry,) = cache.entries()
        content = bytearray(entry.read_bytes())
        content[where] ^= 1
        entry.write_bytes(content)
        (again,) = fits_of(line(inference=["mle"]), cache)
        assert calls == ["mle", "mle"]
        np.testing.assert_array_equal(again.estimate, fit.estimate)
        assert fits_of(line(inference=["mle"]), cache)[0].recalled  # and the good one took its place

    @pytest.mark.parametrize("length", [0, 10, 32, 1000])
    def test_so_does_an_entry_cut_short(self, cache, calls, length):
        fits_of(line(inference=["mle"]), cache)
        (entry,) = cache.entries()
        entry.write_bytes(entry.read_bytes()[:length])
        fits_of(line(inference=["mle"]), cache)
        assert calls == ["mle", "mle"]

    def test_so_does_one_of_another_format(self, cache, calls, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr("bayescope.inference.store.FORMAT", 0)
            fits_of(line(inference=["mle"]), cache)
        fits_of(line(inference=["mle"]), cache)
        assert calls == ["mle", "mle"]

    def test_a_folder_that_cannot_be_made_costs_time_and_no_answer(self, cache, calls):
        cache.folder.write_text("in the way")
        for _ in range(2):
            assert all(fit.answered for fit in fits_of(line(), cache))
        assert calls == ["mle", "exact"] * 2

    def test_a_full_disk_costs_time_and_no_answer_and_leaves_nothing(self, cache, monkeypatch):
        def full(path, content):
            path.open("wb").close()
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        assert all(fit.answered for fit in fits_of(line(), cache))
        assert list(cache.folder.iterdir()) == []


class TestKeys:
    @pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
    def test_every_kind_of_model_has_one(self, path):
        one, two = (key(pipeline.prepare(pipeline.read_config(path))[1]) for _ in range(2))
        assert one == two

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            (("a", "bc"), ("ab", "c")),
            ((1, (2, 3)), ((1, 2), 3)),
            (1, True),
            (1, 1.0),
            (0.0, -0.0),
            ("1", 1),
            (None, "None"),
            ({"a": 1}, ("a", 1)),
            (np.array([1.0, 2.0]), np.array([2.0, 1.0])),
            (np.zeros((2, 3)), np.zeros((3, 2))),
            (np.zeros(2), np.zeros(2, dtype=np.int64)),
            (np.array(["a", None], object), np.array(["a", "None"], object)),
            (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 3.0], [2.0, 4.0]])),
            (Outcome("ok", "a"), Outcome("ok", "b")),
        ],
        ids=str,
    )
    def test_different_values_differ(self, left, right):
        assert key(left) != key(right)
        assert key(left) == key(left)

    def test_arrays_by_rows_by_columns_and_in_steps_have_one(self):
        array = np.arange(24.0).reshape(4, 6)
        assert key(array[::2, ::3]) == key(np.ascontiguousarray(array[::2, ::3]))
        assert len({key(each) for each in (array, np.asfortranarray(array), array[:, ::-1])}) == 3

    def test_what_has_no_key_is_never_taken_for_anything(self):
        assert key(object()) != key(object())
        assert key(lambda: 1) != key(lambda: 1)

    def test_a_function_of_a_module_is_its_name_since_the_code_has_a_version_of_its_own(self):
        assert key(pipeline.silent) == key(pipeline.silent) != key(pipeline.run)

    def test_the_version_of_the_code_is_the_content_of_its_files(self, tmp_path, monkeypatch):
        for content in ("a = 1", "a = 2", "a = 1"):
            (tmp_path / "module.py").write_text(content)
            monkeypatch.setattr("bayescope.cache.__file__", str(tmp_path / "cache.py"))
            code_version.cache_clear()
            (tmp_path / content.replace(" ", "")).write_text(code_version())
        code_version.cache_clear()
        assert (tmp_path / "a=1").read_text() != (tmp_path / "a=2").read_text()


class TestForUsers:
    @pytest.fixture
    def command(self, capsys):
        def run(*arguments):
            with pytest.raises(SystemExit) as end:
                main([str(argument) for argument in arguments])
            assert end.value.code == 0
            return capsys.readouterr()

        return run

    @pytest.fixture
    def config(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(Cache.__init__, "__defaults__", ("", Cache.largest, 0.0))
        Path("coin.yaml").write_text(
            "name: coin\ndata: {columns: {flip: [1, 0, 1, 1]}}\nmodel: {use: coin, response: flip}\ninference: [mle]\n"
        )
        return "coin.yaml"

    def test_the_command_line_takes_and_says_so_on_stderr_and_in_the_report(self, command, config):
        first, second = command("run", config, "--out", "one"), command("run", config, "--out", "two")
        assert first.out.replace("one/", "two/") == second.out
        assert "from the cache" not in first.err
        assert "coin: mle: taken from the cache" in second.err
        (one,), (two,) = Path("one").iterdir(), Path("two").iterdir()
        for report in ("report.html", "report.md"):
            assert "from the cache" not in (one / report).read_text()
            assert "mle; times are those of the run that fitted" in (two / report).read_text()
        assert bayescope.load(two).record.recalled == ("mle",)
        assert bayescope.load(two)["mle"].timings == bayescope.load(one)["mle"].timings

    def test_no_cache_takes_and_keeps_nothing(self, command, config, own_cache):
        command("run", config, "--no-cache")
        assert not own_cache.exists()

    def test_cache_shows_and_clears_what_is_kept_and_nothing_else(self, command, config, own_cache):
        assert command("cache").out == f"{own_cache}: 0 fits, 0.0 MB of 2,000\n"
        command("run", config)
        (own_cache / "notes.txt").write_text("mine")
        assert ": 1 fits, 0.0 MB" in command("cache").out
        assert ": 0 fits, 0.0 MB" in command("cache", "--clear").out
        assert [path.name for path in own_cache.iterdir()] == ["notes.txt"]

    @pytest.mark.usefixtures("config")
    def test_python_uses_the_cache_only_when_asked(self, own_cache):
        bayescope.run(LINE)
        assert not own_cache.exists()
        assert not bayescope.run(LINE, cache=True)["mle"].recalled
        assert bayescope.run(LINE, cache=True)["mle"].recalled

    def test_the_folder_is_the_variable_or_that_of_the_system(self, monkeypatch, tmp_path):
        monkeypatch.setenv("BAYESCOPE_CACHE", str(tmp_path / "mine"))
        assert default_folder() == tmp_path / "mine"
        monkeypatch.setenv("BAYESCOPE_CACHE", "")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        monkeypatch.setattr("sys.platform", "linux")
        assert default_folder() == tmp_path / "xdg" / "bayescope"
