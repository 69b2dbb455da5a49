"""Reference posteriors made by Stan (posteriordb): exact and NUTS through the product, for seven regressions."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import bayescope

CASES = Path(__file__).with_name("data_posteriordb")
KIDIQ = {"Intercept": "Flat()", "coefficients": "Flat()", "sigma": "HalfCauchy(2.5)"}
BLR = {"coefficients": "Normal(0, 10)", "sigma": "HalfNormal(10)"}
# case: (formula, priors, parameters in the order of the reference's beta[1], beta[2], ..., sigma)
MODELS = {
    "sblri-blr": ("y ~ 0 + X1 + X2 + X3 + X4 + X5", BLR, ["X1", "X2", "X3", "X4", "X5", "sigma"]),
    "sblrc-blr": ("y ~ 0 + X1 + X2 + X3 + X4 + X5", BLR, ["X1", "X2", "X3", "X4", "X5", "sigma"]),
    "kidiq-kidscore_momhs": ("kid_score ~ mom_hs", KIDIQ, ["Intercept", "mom_hs", "sigma"]),
    "kidiq-kidscore_momiq": ("kid_score ~ mom_iq", KIDIQ, ["Intercept", "mom_iq", "sigma"]),
    "kidiq-kidscore_momhsiq": (
        "kid_score ~ mom_hs + mom_iq", KIDIQ, ["Intercept", "mom_hs", "mom_iq", "sigma"],
    ),
    "kidiq-kidscore_interaction": (
        "kid_score ~ mom_hs * mom_iq", KIDIQ, ["Intercept", "mom_hs", "mom_iq", "mom_hs:mom_iq", "sigma"],
    ),
    "kilpisjarvi_mod-kilpisjarvi": (
        "y ~ x",
        {"Intercept": "Normal(9.31290322580645, 100)", "x": "Normal(0, 0.0333333333333333)", "sigma": "HalfFlat()"},
        ["Intercept", "x", "sigma"],
    ),
}  # fmt: skip


# Intercept and slope are so correlated that a draw is worth 0.2 independent ones; 5 % of an sd then
# stands 4 Monte Carlo errors away (1 / sqrt(2 ESS) each) from 16,000 draws on.
NUTS = {"nuts": {"draws": 5000}}


@cache
def fitted(case, method):
    formula, priors, _ = MODELS[case]
    run = bayescope.run(
        {
            "name": case,
            "data": str(CASES / case / "data.csv"),
            "model": {"likelihood": "Normal", "formula": formula, "priors": priors},
            "inference": [NUTS if method == "nuts" else method],
            "seed": 20261120,
        }
    )
    return run.estimates.set_index("parameter")


def reference(case):
    rows = json.loads((CASES / case / "reference.json").read_text())["parameters"]
    return dict(zip(MODELS[case][2], rows.values(), strict=True))


@pytest.mark.parametrize("case", MODELS)
def test_exact_agrees_with_the_reference_posterior(case):
    estimates = fitted(case, "exact")
    for name, truth in reference(case).items():
        assert abs(estimates.estimate[name] - truth["mean"]) <= 4 * truth["mcse"], name
        assert estimates.sd[name] == pytest.approx(truth["sd"], rel=0.05), name


# One case stands for the others in `make test`; all seven are sampled in `make test-long`.
@pytest.mark.parametrize(
    "case",
    [c if c == "kidiq-kidscore_momhsiq" else pytest.param(c, marks=pytest.mark.slow) for c in MODELS],
)
def test_nuts_agrees_with_the_reference_posterior(case):
    estimates = fitted(case, "nuts")
    for name, truth in reference(case).items():
        error = np.hypot(estimates.mcse_mean[name], truth["mcse"])
        assert abs(estimates.estimate[name] - truth["mean"]) <= 4 * error, name
        assert estimates.sd[name] == pytest.approx(truth["sd"], rel=0.05), name
