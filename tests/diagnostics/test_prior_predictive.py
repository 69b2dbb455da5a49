"""The priors against the data before anything is fitted: absurd ones are named, with a width that is enough."""

from __future__ import annotations

import pytest

import bayescope
from bayescope.diagnostics.prior_predictive import (
    PriorPredictive,
    check_prior_predictive,
    prior_predictive,
    size_text,
)
from bayescope.preparation import prepare, read_config

ROACHES, WELLS, KIDIQ = (f"configs/{name}.yaml" for name in ("roaches-poisson", "wells", "kidiq"))


def gate(config, *overrides):
    _, model = prepare(read_config(config, overrides=overrides))
    found = prior_predictive(model, 1)
    return found, {check.name: check for check in check_prior_predictive(found)}


def test_a_log_link_with_wide_coefficients_reaches_exp_of_hundreds():
    found, checks = gate(ROACHES, "model.priors.coefficients=Normal(0, 100)")
    check = checks["prior_predictive_scale"]
    assert (check.verdict, check.parameter) == ("note", "coefficients")
    assert 300 < found.log_reach < 3000
    assert f"exp({found.log_reach:.0f})" in check.message
    assert check.advice.startswith("Narrow it: coefficients: Normal(0, ")


def test_the_suggested_prior_passes():
    found, _ = gate(ROACHES, "model.priors.coefficients=Normal(0, 100)")
    _, checks = gate(ROACHES, f"model.priors.coefficients={found.suggestion}")
    assert checks["prior_predictive_scale"].verdict == "pass"


def test_a_logistic_regression_that_is_certain_of_every_row_is_noted():
    found, checks = gate(WELLS, "model.priors.coefficients=Normal(0, 100)")
    assert found.share > 0.9
    share = f"rows whose response is certain to within 0.001 is {100 * found.share:.0f} %."
    assert checks["prior_predictive_scale"].message.endswith(share)


@pytest.mark.parametrize(
    "config", [ROACHES, WELLS, KIDIQ, "configs/ordinal.yaml", "configs/seeds.yaml", "configs/gasoline.yaml"]
)
def test_default_priors_pass(config):
    assert all(check.verdict == "pass" for check in gate(config)[1].values())


def test_priors_that_exclude_the_data_are_noted():
    narrow = [
        "sigma=HalfNormal(0.1)",
        "Intercept=Normal(0, 1)",
        "mom_iq=Normal(0, 0.01)",
        "mom_hs=Normal(0, 1)",
    ]
    _, checks = gate(KIDIQ, *(f"model.priors.{line}" for line in narrow))
    assert "above nearly all that the priors allow" in checks["prior_predictive_median"].message
    assert checks["prior_predictive_sd"].verdict == "note"
    assert checks["prior_predictive_scale"].verdict == "pass"


@pytest.mark.parametrize(
    ("likelihood", "looser"), [("Poisson", "NegativeBinomial has a spread"), ("Normal", "")]
)
def test_the_priors_are_not_blamed_for_an_sd_that_follows_from_the_mean(likelihood, looser):
    priors = {"sigma": "HalfNormal(0.1)"} if likelihood == "Normal" else {}
    _, checks = gate(
        {
            "name": "ages",
            "data": {"columns": {"age": [*range(18, 81)]}},
            "model": {"likelihood": likelihood, "response": "age", "priors": priors},
            "inference": ["map"],
        }
    )
    check = checks["prior_predictive_sd"]
    assert check.verdict == "note"
    assert ("widen the priors" in check.advice) == (not looser)
    assert looser in check.advice


def test_priors_wider_than_the_data_are_no_conflict():
    wide = ["sigma=HalfNormal(100)", "Intercept=Normal(0, 1000)", "coefficients=Normal(0, 100)"]
    found, checks = gate(KIDIQ, *(f"model.priors.{line}" for line in wide))
    assert found.statistics["sd"]["p"] > 0.995
    assert {check.verdict for check in checks.values()} == {"pass"}


def test_a_flat_prior_has_no_prior_predictive():
    found, checks = gate(KIDIQ, "model.priors.Intercept=Flat()")
    assert found.note == "The prior of Intercept is flat: there is no prior predictive distribution."
    assert checks == {}


def test_the_note_comes_before_the_methods_run_and_stays_in_the_record():
    told = []
    from bayescope.pipeline import execute

    loaded = read_config(ROACHES, overrides=["model.priors.coefficients=Normal(0, 100)", "inference=[mle]"])
    record = execute(loaded, progress=told.append).record
    assert "With Normal(0, 100) the share of simulated responses" in told[0]
    assert told[1].endswith("mle")
    assert record.verdict.status == "attention"
    assert record.prior_predictive.block == "coefficients"


def test_hypotheses_are_not_simulated():
    run = bayescope.run("configs/disease-test.yaml", overrides=["inference=[exact]"])
    assert run.record.prior_predictive.share is None


def test_sizes_are_written_as_they_are_grasped():
    assert [size_text(x) for x in (0.0, 5.88, 311.2)] == ["1", "358", "exp(311)"]


@pytest.mark.parametrize("upper", ["Normal(0, 1)", "Pareto(1, 1)", "Pareto(1e-3, 1)", "Normal(0, 1e9)"])
def test_two_unknown_ends_have_a_prior_predictive_distribution(upper):
    model = {
        "likelihood": "Uniform",
        "response": "y",
        "priors": {"lower": "Normal(0, 1)", "upper": upper},
    }
    data = {"columns": {"y": [0.2, 0.8]}}
    _, built = prepare(read_config({"name": "ends", "data": data, "model": model, "inference": ["mle"]}))
    found = prior_predictive(built, 1)
    assert 0.0 <= found.share <= 1.0
    assert (found.share < found.limit) == (upper in {"Normal(0, 1)", "Pareto(1, 1)"})


def test_absurd_values_that_are_fixed_are_no_line_of_priors():
    columns = {"y": [1.0, 2.0, 1.0], "x": [0.0, 1e9, 1e9]}
    model = {"likelihood": "Exponential", "formula": "y ~ 0 + x", "priors": {"coefficients": 0.5}}
    config = {"name": "fixed", "data": {"columns": columns}, "model": model, "inference": ["mle"]}
    found = prior_predictive(prepare(read_config(config))[1], 1)
    [check, *_] = check_prior_predictive(found)
    assert (check.verdict, check.parameter) == ("note", None)
    assert check.message.startswith("With the values that are fixed the share of simulated responses")
    assert check.advice.startswith("Check the values that the model fixes")


def test_defaults_made_wide_by_years_are_to_be_centred():
    columns = {"year": [2021, 2021, 2022, 2022, 2023, 2023], "y": [1.1, 0.9, 2.0, 2.2, 1.8, 2.1]}
    config = {"name": "years", "data": {"columns": columns}, "inference": ["mle"]}
    for formula, far in (("y ~ year", ["year"]), ("y ~ center(year)", [])):
        model = {"likelihood": "Normal", "formula": formula}
        found, checks = gate({**config, "model": model})
        check = checks["prior_predictive_scale"]
        assert (check.verdict, found.far) == (("note", far) if far else ("pass", []))
        assert ("`center()` around it" in check.advice) == bool(far)
    model = {"likelihood": "Normal", "formula": "y ~ year", "priors": {"Intercept": "Normal(0, 1e6)"}}
    found, checks = gate({**config, "model": model})
    assert found.far == []
    assert "default, so wide" not in checks["prior_predictive_scale"].advice


def test_a_fixed_slope_is_no_column_to_centre():
    columns = {"year": [2021, 2021, 2022, 2022, 2023, 2023], "y": [1.1, 0.9, 2.0, 2.2, 1.8, 2.1]}
    columns["known"] = [5.0, 5.1, 5.0, 5.2, 5.1, 5.0]
    model = {"likelihood": "Normal", "formula": "y ~ known + year", "priors": {"known": 0.1}}
    config = {"name": "years", "data": {"columns": columns}, "model": model, "inference": ["mle"]}
    assert gate(config)[0].far == ["year"]


EXPOSED = {
    "E": [5, 20, 40, 60, 80, 95, 33, 71],
    "x": [-1, 0.3, 1.2, -0.4, 0.8, -1.5, 0.1, 0.6],
    "y": [1, 2, 5, 5, 9, 6, 3, 8],
}


@pytest.mark.parametrize("priors", [{}, {"coefficients": "Normal(0, 0.1)"}, {"Intercept": "Normal(0, 0.1)"}])
def test_an_exposure_that_is_added_as_it_is_is_told_from_wide_priors(priors):
    def check(offset):
        model = {"likelihood": "Poisson", "formula": f"y ~ x + offset({offset})", "priors": priors}
        config = {"name": "x", "data": {"columns": EXPOSED}, "model": model, "inference": ["map"]}
        found = prior_predictive(prepare(read_config(config))[1], 0)
        return check_prior_predictive(found)[0]

    note = check("E")
    assert note.verdict == "note"
    assert note.message.startswith("With the offset the share of ")
    assert "offset(log(exposure))" in note.advice
    assert check("log(E)").verdict == "pass"


def test_a_default_prior_is_not_to_be_left_out_for_the_default():
    found = PriorPredictive(draws=9, quantity="rows", share=0.5, limit=0.1, block="x", prior="Normal(0, 9)")
    assert check_prior_predictive(found)[0].advice.endswith("or leave its line out for the default.")
    default = found.model_copy(update={"default": True})
    assert check_prior_predictive(default)[0].advice == "Give x a narrower prior."
