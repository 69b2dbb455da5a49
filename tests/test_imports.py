"""What each road imports: the fast roads pay for no heavy library."""

import json
import signal
import subprocess
import sys

import pytest

HEAVY = {"pymc", "pytensor", "arviz", "arviz_stats", "arviz_plots", "nutpie", "matplotlib", "jinja2", "numba"}


def modules_after(statement):
    """Modules that a fresh interpreter has loaded after `statement`."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


VALIDATE = """
from bayescope.cli import main
try:
    main(["validate", "configs/{config}.yaml"])
except SystemExit as end:
    assert end.code == 0
"""

FIT = """
from bayescope.pipeline import execute, read_config
finished = execute(read_config("configs/kidiq.yaml", overrides=["inference=[mle, map, exact]"]))
assert all(fit.answered for fit in finished.fits)
"""


@pytest.mark.parametrize("config", ["coin", "kidiq", "wells"])
def test_validate_imports_no_heavy_library(config):
    loaded = modules_after(VALIDATE.format(config=config))
    assert not loaded & (HEAVY | {"pandas", "scipy.special", "scipy.optimize", "scipy.stats", "sqlalchemy"})
    assert not loaded & {"bayescope.pipeline", "bayescope.diagnostics", "bayescope.reports"}


@pytest.mark.parametrize("config", ["coin", "kidiq", "wells"])
def test_validate_imports_the_settings_of_methods_but_no_method(config):
    loaded = modules_after(VALIDATE.format(config=config))
    assert "bayescope.inference.settings" in loaded
    assert not loaded & {
        f"bayescope.inference.{method}" for method in ("mle", "map", "exact", "nuts", "importance")
    }
    assert "bayescope.information" not in loaded


def test_only_the_methods_that_are_named_are_imported():
    loaded = modules_after(FIT)
    assert "bayescope.inference.mle" in loaded
    assert not loaded & {
        f"bayescope.inference.{method}" for method in ("importance", "laplace", "hmc", "nuts")
    }


def test_numbers_in_a_csv_file_are_read_without_the_functions_of_arrow():
    assert "pyarrow.compute" not in modules_after(VALIDATE.format(config="kidiq"))


def test_point_estimates_and_exact_answers_import_neither_pymc_nor_arviz():
    assert not modules_after(FIT) & (HEAVY | {"scipy.interpolate", "scipy.optimize", "scipy.stats", "pandas"})


def test_import_bayescope_is_light():
    assert not modules_after("import bayescope") & (HEAVY | {"pandas", "scipy", "numpy", "pydantic"})


INTERRUPTED = """
import os, signal
class Finder:
    def find_spec(name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
sys.argv[1:] = ["run", "configs/coin.yaml"]
runpy.run_module("bayescope", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["bayescope.cli", "typer", "bayescope.errors"])
def test_ctrl_c_while_the_command_line_is_loaded_is_one_sentence(module):
    code = f"import sys, runpy\n{INTERRUPTED.format(module=module)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Interrupted before anything was begun.\n"


WITHIN_A_CALLBACK = """
import os, signal, time, weakref
import bayescope.cli
from bayescope.__main__ import main
class Thing:
    pass
def command():
    signal.signal(signal.SIGTERM, bayescope.cli._terminate)
    thing = Thing()
    watch = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{sent}))
    del thing
    time.sleep(60)
bayescope.cli.app = lambda **_: command()
main()
"""


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_in_a_callback_of_the_collector_is_not_lost(sent, code):
    code_text = f"import sys\n{WITHIN_A_CALLBACK.format(sent=sent)}"
    done = subprocess.run([sys.executable, "-c", code_text], capture_output=True, text=True, check=False)
    word = {"SIGINT": "Interrupted", "SIGTERM": "Terminated"}[sent]
    assert done.returncode in {code, -signal.Signals[sent]}
    assert done.stderr == f"{word}: nothing was written for the run in progress; start it again to go on.\n"
