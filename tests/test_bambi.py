"""Bambi's posteriors of the same models with the same priors: means and sds within 4 combined Monte Carlo errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bayescope
from bayescope import library
from bayescope.diagnostics.convergence import monte_carlo_errors

FOLDER = Path(__file__).with_name("data_bambi")
CASES = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))


def reference(case):
    return json.loads((FOLDER / "references" / f"{case}.json").read_text(encoding="utf-8"))


def answer(case, method):
    spec = CASES[case]
    model = {key: spec[key] for key in ("likelihood", "formula", "link", "levels", "priors") if key in spec}
    run = bayescope.run(
        {
            "name": case,
            "data": str(library.configs()["coin"].parent / "data" / spec["data"]),
            "model": model,
            "inference": [method],
            "seed": 20261120,
        }
    )
    (fit,) = run.fits
    assert fit.outcome.status == "ok", fit.outcome
    return fit


def their_name(case, name):
    """Bambi's name of an unknown: county[AITKIN] is 1|county[AITKIN], and county.sd 1|county_sigma."""
    group = CASES[case].get("groups")
    if group and name.startswith((f"{group}[", f"{group}.sd")):
        return f"1|{name}".replace(".sd", "_sigma")
    return CASES[case].get("names", {}).get(name, name)


def agrees(case, fit):
    theirs = reference(case)["parameters"]
    assert len(fit.names) == len(theirs)
    truth = [theirs[their_name(case, name)] for name in fit.names]
    pairs = ("mean", fit.estimate), ("sd", fit.sd)
    for (quantity, ours), errors in zip(pairs, monte_carlo_errors(fit), strict=True):
        expected, their_errors = (
            np.array([row[key] for row in truth]) for key in (quantity, f"mcse_{quantity}")
        )
        z = (ours - expected) / np.hypot(errors, their_errors)
        assert np.abs(z).max() <= 4, (quantity, dict(zip(fit.names, z.round(1), strict=True)))


@pytest.mark.parametrize("case", CASES)
def test_the_chains_of_a_reference_have_converged(case):
    summary = reference(case)
    assert summary["divergences"] == 0
    for name, row in summary["parameters"].items():
        assert row["rhat"] < 1.01, name
        assert row["ess"] > 1000, name


@pytest.mark.parametrize("case", [case for case in CASES if "groups" not in CASES[case]])
def test_importance_agrees_with_bambi(case):
    agrees(case, answer(case, "importance"))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_nuts_agrees_with_bambi(case):
    agrees(case, answer(case, "nuts"))
