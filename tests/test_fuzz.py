"""Configurations and tables that nobody would write: a right exit code, a message, never a traceback.

200 cases in `make test`, the same every time; 10,000 others in `make test-long`, none of which may take `validate`
more than two seconds.
"""

import gc
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bayescope.cli import main
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.links import LINKS
from bayescope.errors import BayescopeError
from bayescope.pipeline import run

NAMES = ("y", "x", "z", "g", "n w", "1", "_", "sigma", "Intercept", "é")
NUMBERS = st.one_of(
    st.integers(-3, 20),
    st.floats(-10, 10),
    st.sampled_from([0, 1, 1e308, -1e308, 1e-308, 5e-324, 2**63, math.nan, math.inf, -math.inf, 0.1]),
)
TEXTS = st.sampled_from(
    ["a", "b", "c", "", " ", "NA", "=1+1", "[red]", "\u202e", "🙂", "x" * 300, "None", "1e5", "\x1b[31m"]
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def columns(draw):
    """Up to four columns of up to nine rows: numbers, classes, counts, text, constants, or anything."""
    rows = draw(st.integers(0, 9))
    kinds = st.sampled_from(
        [
            st.integers(0, 1),
            st.integers(0, 20),
            st.floats(-5, 5),
            st.floats(0.1, 9),
            TEXTS,
            NUMBERS,
            st.just(1.0),
            st.booleans(),
        ]
    )
    chosen = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return {name: draw(st.lists(draw(kinds), min_size=rows, max_size=rows)) for name in ("y", *chosen)}


TERMS = st.one_of(
    st.sampled_from(
        [
            *NAMES,
            "1",
            "0",
            "-1",
            "(1 | g)",
            "(x | g)",
            "bs(x, df=4)",
            "poly(x, 2)",
            "log(x)",
            "C(g)",
            "offset(x)",
        ]
    ),
    st.sampled_from(
        [
            "x:z",
            "x*z",
            "x**2",
            "I(x)",
            "np.log(x)",
            "__import__('os')",
            "((x",
            "y ~ x",
            "(1|g|x)",
            "`n w`",
            "scale(x)",
        ]
    ),
)
FORMULAS = st.one_of(
    st.builds(
        lambda left, terms: f"{left} ~ {' + '.join(terms)}",
        st.sampled_from(["y", "x", "log(y)", "", "y / n"]),
        st.lists(TERMS, max_size=3),
    ),
    TEXTS,
)


@st.composite
def priors(draw):
    """A distribution of the table with about as many arguments as it has, or junk."""
    name = draw(st.sampled_from([*DISTRIBUTIONS, "Norml", ""]))
    arguments = draw(
        st.lists(
            st.one_of(NUMBERS.map(str), st.sampled_from(["sigma", "10 * sigma", "[1, 1]", "mu=1", "x y"])),
            max_size=3,
        )
    )
    return draw(st.sampled_from([f"{name}({', '.join(arguments)})", *arguments, 2.0]))


@st.composite
def models(draw):
    """A `model:` section of the right shape, each part of which may be wrong."""
    model = {"likelihood": draw(st.sampled_from([*LIKELIHOODS, "Normall"]))}
    model |= draw(
        st.sampled_from(
            [
                {"response": "y"},
                {"formula": draw(FORMULAS)},
                {"formula": "y ~ x"},
                {"formula": "y ~ x + (1 | g)"},
            ]
        )
    )
    extras = {
        "priors": st.dictionaries(
            st.sampled_from(["Intercept", "coefficients", "x", "sigma", "mu", "p", "g.sd", "nu"]),
            priors(),
            max_size=3,
        ),
        "link": st.sampled_from([*LINKS, "logg"]),
        "standardize": st.booleans(),
        "offset": st.sampled_from(NAMES),
        "weights": st.sampled_from(NAMES),
        "centered": st.sampled_from([True, ["g"], "g"]),
        "use": st.sampled_from(["linear", "logistic", "coin", "nothing"]),
    }
    for key in draw(st.lists(st.sampled_from(sorted(extras)), max_size=3, unique=True)):
        model[key] = draw(extras[key])
    return model


QUICK = ["mle", "map", "exact"]


@st.composite
def configurations(draw):
    """A whole configuration; in one of three something is replaced by junk."""
    config = {
        "name": draw(st.sampled_from(["fuzz", "a b", "../up", "", "ok"])) if draw(st.booleans()) else "fuzz",
        "data": {"columns": draw(columns())},
        "model": draw(models()),
        "inference": draw(
            st.sampled_from([QUICK, ["mle"], ["map", {"mle": {"max_iterations": 3}}], ["nothing"], []])
        ),
    }
    if draw(st.integers(0, 2)) == 0:
        place = draw(
            st.sampled_from([(key,) for key in config] + [("model", key) for key in config["model"]])
        )
        inside = config if len(place) == 1 else config["model"]
        inside[place[-1]] = draw(JUNK)
    if draw(st.integers(0, 9)) == 0:
        config[draw(TEXTS)] = draw(JUNK)
    return config


RESPONSES = {
    "Bernoulli": st.integers(0, 1),
    "Poisson": st.integers(0, 20),
    "NegativeBinomial": st.integers(0, 20),
    "Geometric": st.integers(1, 9),
    "Normal": st.floats(-9, 9),
    "Laplace": st.floats(-9, 9),
    "StudentT": st.floats(-9, 9),
    "Exponential": st.floats(0.01, 9),
    "Gamma": st.floats(0.01, 9),
    "LogNormal": st.floats(0.01, 9),
    "Beta": st.floats(0.01, 0.99),
    "Categorical": st.sampled_from("abc"),
    "OrderedLogistic": st.integers(0, 3),
}
WITHOUT_PREDICTORS = ("Geometric",)
UNITS = st.sampled_from([1.0, 1.0, 1e-90, 1e-9, 1e9, 1e90])
COEFFICIENTS = st.sampled_from(
    [
        "Normal(0, 1)",
        "Laplace(0, 1)",
        "Cauchy(0, 1)",
        "Flat()",
        "StudentT(3, 0, 1)",
        "Normal(0, 1e-30)",
        "Normal(0, 1e30)",
        0.5,
    ]
)


@st.composite
def sensible(draw):
    """A configuration without a mistake, of few rows: often constant, collinear, separated, in odd units."""
    likelihood = draw(st.sampled_from(sorted(RESPONSES)))
    rows = draw(st.integers(1, 9))
    cells = {"x": st.floats(-3, 3), "z": st.integers(-2, 2), "g": st.sampled_from(["a", "b"])}
    table = {name: draw(st.lists(values, min_size=rows, max_size=rows)) for name, values in cells.items()}
    response = draw(st.lists(RESPONSES[likelihood], min_size=rows, max_size=rows))
    unit = draw(UNITS)
    table = {"y": response, **table, "x": [unit * value for value in table["x"]]}
    if likelihood in WITHOUT_PREDICTORS:
        model = {"likelihood": likelihood, "response": "y"}
    else:
        formulas = [
            "y ~ 1",
            "y ~ x",
            "y ~ x + z",
            "y ~ x * g",
            "y ~ 0 + x",
            "y ~ g",
            "y ~ x + (1 | g)",
            "y ~ poly(z, 2)",
            "y ~ scale(x)",
        ]
        priors = draw(
            st.dictionaries(st.sampled_from(["coefficients", "Intercept"]), COEFFICIENTS, max_size=2)
        )
        model = {
            "likelihood": likelihood,
            "formula": draw(st.sampled_from(formulas)),
            "priors": priors,
            "standardize": draw(st.booleans()),
        }
    return {"name": "fuzz", "data": {"columns": table}, "model": model, "inference": QUICK}


CASES = st.one_of(sensible(), configurations())


def written(config, folder):
    path = folder / "fuzz.yaml"
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_unicode = True
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(config, stream)
    return path


def exit_code(arguments, capsys):
    """Run the command line; every way of ending but an exit code is an error of the test."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    code = 0 if end.value.code is None else end.value.code
    assert "Traceback" not in out + err
    assert code == 0 or err.strip()
    return code


def judge(config, folder, capsys):
    """Validate a configuration; run it where it is valid. Returns the seconds of the processor that this took."""
    path = written(config, folder)
    start = time.process_time()  # other work on the machine does not make it longer,
    gc.disable()  # nor what all tests before it have left
    try:
        code = exit_code(["validate", path], capsys)
    finally:
        gc.enable()
    seconds = time.process_time() - start
    assert code in {0, 2, 3}
    if code == 0:
        run_quick(path)
    return seconds


def run_quick(path):
    """Run a valid configuration by mle, map and exact: no method may fail for a reason that is a bug."""
    for fit in run(path, overrides=["inference=[mle, map, exact]"]).fits:
        assert "This is a bug" not in fit.outcome.advice, (fit.name, fit.outcome.message)
        assert fit.answered or fit.outcome.message


LENIENT = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
]
"""The fixtures are shared by the cases on purpose: each overwrites the file, and reads what was printed."""


@given(CASES)
@settings(max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=LENIENT)
def test_two_hundred_configurations_end_as_they_should(tmp_path, capsys, config):
    judge(config, tmp_path, capsys)


@pytest.mark.slow
@given(CASES)
@settings(max_examples=10_000, deadline=None, database=None, suppress_health_check=LENIENT)
def test_ten_thousand_configurations_end_as_they_should_within_two_seconds(tmp_path, capsys, config):
    assert judge(config, tmp_path, capsys) < 2.0


@given(columns())
@settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=LENIENT)
def test_any_data_frame_is_fitted_or_refused(config_columns):
    """Through the Python API, where the cells are objects of pandas and NumPy."""
    frame = pd.DataFrame(config_columns)
    formula = "y ~ x" if "x" in frame else "y ~ 1"
    model = {"likelihood": "Normal", "formula": formula}
    try:
        finished = run({"name": "fuzz", "model": model, "inference": QUICK}, data=frame)
    except BayescopeError:
        return  # what it says is tested by the corpora of broken files
    assert all("This is a bug" not in fit.outcome.advice for fit in finished.fits)
    assert all(fit.estimate is None or np.isfinite(fit.estimate).any() for fit in finished.fits)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=LENIENT)
def test_any_text_as_a_configuration_is_refused(tmp_path, capsys, text):
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert exit_code(["validate", path], capsys) == 2
