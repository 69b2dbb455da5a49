"""Textbook answers, through the product: a configuration goes in, the answer comes out."""

import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

import bayescope

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).with_name("worked-examples.yaml"))
SIX_DECIMALS = 5.1e-7  # the answers are printed with six


def answer(**configuration):
    return bayescope.run({"name": "example", **configuration})


def coin(heads, tails, prior, methods):
    priors = {} if prior is None else {"p": prior}
    return answer(
        data={"counts": {"flip": {1: heads, 0: tails}}},
        model={"use": "coin", "response": "flip", "priors": priors},
        inference=methods,
    )


def coin_id(row):
    return f"{row['heads']}-{row['tails']}-{row['prior']}"


@pytest.mark.parametrize("row", [r for r in EXAMPLES["coin"] if r["prior"] is None], ids=coin_id)
def test_coin_maximum_likelihood(row):
    run = coin(row["heads"], row["tails"], None, ["mle"])
    mle = run["mle"]
    assert mle.estimate[0] == row["mle"]
    if "nll" in row:
        assert run.record.loss.totals["mle"]["nll"] == pytest.approx(row["nll"], abs=SIX_DECIMALS)
    on_boundary = row["mle"] in {0.0, 1.0}
    assert mle.outcome.status == ("flagged" if on_boundary else "ok")
    assert np.isnan(mle.sd[0]) == on_boundary


@pytest.mark.parametrize("row", [r for r in EXAMPLES["coin"] if r["prior"]], ids=coin_id)
def test_coin_posterior(row):
    run = coin(row["heads"], row["tails"], row["prior"], ["map", "exact"])
    posterior = run["exact"].marginals["p"]
    if "posterior" in row:
        assert str(posterior) == row["posterior"]
    if "mean" in row:
        assert run["exact"].estimate[0] == pytest.approx(row["mean"], abs=SIX_DECIMALS)
    if "map" in row:
        assert run["map"].estimate[0] == pytest.approx(row["map"], abs=SIX_DECIMALS)
        assert posterior.mode == pytest.approx(row["map"], abs=SIX_DECIMALS)


def test_a_posterior_becomes_the_next_prior():
    example = EXAMPLES["sequential_update"]
    prior = example["prior"]
    for flip, expected, mean in zip(example["flips"], example["posteriors"], example["means"], strict=True):
        run = answer(
            data={"columns": {"flip": [flip]}},
            model={"use": "coin", "response": "flip", "priors": {"p": prior}},
            inference=["exact"],
        )
        prior = str(run["exact"].marginals["p"])
        assert prior == expected
        assert run["exact"].estimate[0] == pytest.approx(mean, abs=SIX_DECIMALS)
    batch = answer(
        data={"columns": {"flip": example["flips"]}},
        model={"use": "coin", "response": "flip", "priors": {"p": example["prior"]}},
        inference=["mle", "map", "exact"],
    )
    assert str(batch["exact"].marginals["p"]) == prior
    assert batch["mle"].estimate[0] == example["mle"]
    assert batch["map"].estimate[0] == pytest.approx(example["map"], abs=SIX_DECIMALS)


def test_least_squares_without_intercept():
    example = EXAMPLES["ols_no_intercept"]
    run = answer(
        data={"columns": {"x": example["x"], "y": example["y"]}},
        model={"use": "linear", "formula": "y ~ 0 + x"},
        inference=["mle"],
    )
    slope, sigma = run["mle"].estimate
    residuals = np.array(example["y"]) - slope * np.array(example["x"])
    assert slope == pytest.approx(example["slope"], abs=SIX_DECIMALS)
    assert residuals == pytest.approx(example["residuals"], abs=SIX_DECIMALS)
    assert sigma**2 * len(residuals) == pytest.approx(example["sum_of_squares"], abs=SIX_DECIMALS)


@pytest.mark.parametrize("truth", [0, 1])
def test_logistic_loss_of_one_row(truth):
    example = EXAMPLES["logistic_loss"]
    eta = float(np.log(example["p_hat"] / (1 - example["p_hat"])))
    run = answer(
        data={"columns": {"y": [truth], "x": [1.0]}},
        model={"use": "logistic", "formula": "y ~ 0 + x", "priors": {"x": f"Normal({eta!r}, 1e-9)"}},
        inference=["map"],
    )
    nll = run.record.loss.totals["map"]["nll"]
    assert nll == pytest.approx(example[f"nll_if_{truth}"], abs=SIX_DECIMALS)


def theta_pinned_to(values, prior):
    """One row a parameter, noise so small that the MAP is `values`; the penalty is then that of the prior."""
    n = len(values)
    columns = {f"x{j}": [1.0 if i == j else 0.0 for i in range(n)] for j in range(n)} | {"y": list(values)}
    formula = "y ~ 0 + " + " + ".join(f"x{j}" for j in range(n))
    return answer(
        data={"columns": columns},
        model={"likelihood": "Normal", "formula": formula, "priors": {"coefficients": prior, "sigma": 1e-6}},
        inference=["map"],
    )


@pytest.mark.parametrize("row", EXAMPLES["map_loss"])
def test_map_loss_is_nll_plus_penalty(row):
    strength = row.get("l2", row.get("l1"))
    # the penalty lambda theta^2 is the prior Normal(0, tau) with lambda = 1 / (2 tau^2); lambda |theta| is Laplace(0, 1 / lambda)
    prior = f"Normal(0, {(0.5 / strength) ** 0.5!r})" if "l2" in row else f"Laplace(0, {1 / strength!r})"
    run = theta_pinned_to(row["theta"], prior)
    assert run["map"].estimate == pytest.approx(row["theta"], abs=1e-9)
    (penalty,) = run.record.loss.penalties
    assert penalty.value == pytest.approx(strength, rel=1e-12)
    assert row["nll"] + run.record.loss.totals["map"]["penalty"] == pytest.approx(row["total"], abs=1e-9)


@pytest.mark.parametrize(("family", "letter", "name"), [("Normal", "tau", "L2"), ("Laplace", "b", "L1")])
def test_regulariser_of_a_prior(family, letter, name):
    described = EXAMPLES["regulariser_of_prior"][f"{family}(0, {letter})"]
    scale = 3.0
    (penalty,) = theta_pinned_to([1.0, 2.0], f"{family}(0, {scale:g})").record.loss.penalties
    # the report writes the scale's number where the book writes its letter
    assert penalty.name.startswith(described.split(",")[0])
    expected = re.sub(
        rf"\b{letter}\b", f"* {scale:g}" if letter == "tau" else f"{scale:g}", described.split(", ")[1]
    )
    assert expected in penalty.formula
    assert penalty.value == pytest.approx({"L2": 1 / (2 * scale**2), "L1": 1 / scale}[name], rel=1e-12)


# the pair's likelihood as the table writes it: data, its model, and the numbers in the rule's letters
PAIRS = {
    "Bernoulli(p)": (
        [1, 1, 0, 1],
        {"likelihood": "Bernoulli", "priors": {"p": "Beta(2, 5)"}},
        {"a": 2, "b": 5, "heads": 3, "tails": 1},
    ),
    "Categorical(pi)": (
        ["x", "z", "y", "x"],
        {"likelihood": "Categorical", "priors": {"p": "Dirichlet([1, 2, 3])"}},
        {"alpha": np.array([1, 2, 3]), "counts": np.array([2, 1, 1])},
    ),
    "Poisson(rate)": (
        [3, 1, 4, 2],
        {"likelihood": "Poisson", "priors": {"mu": "Gamma(2, 1)"}},
        {"alpha": 2, "beta": 1, "y": [3, 1, 4, 2], "N": 4},
    ),
    "Normal(mu, sigma known)": (
        [1, 3, 2, 2],
        {"likelihood": "Normal", "priors": {"mu": "Normal(0, 1)", "sigma": 2}},
        {},
    ),
}


@pytest.mark.parametrize("row", EXAMPLES["conjugate_pairs"], ids=lambda row: row[0])
def test_conjugate_pairs_are_recognised(row):
    likelihood, _, rule = row
    data, model, letters = PAIRS[likelihood]
    run = answer(data={"columns": {"y": data}}, model={"response": "y", **model}, inference=["exact"])
    posterior = run["exact"].details["conjugate"]["posterior"]
    if "precision-weighted" in rule:
        # precisions 1 / 1^2 and 4 / 2^2, means 0 and 2
        assert run["exact"].estimate[0] == pytest.approx((1 * 0 + 1 * 2) / 2, rel=1e-14)
        assert posterior.startswith("Normal(1, ")
        return
    family, inner = re.fullmatch(r"(\w+)\((.*)\)", rule).groups()
    values = [eval(part, {"sum": sum}, letters) for part in inner.split(", ")]  # noqa: S307
    texts = [str(value.tolist()) if isinstance(value, np.ndarray) else str(value) for value in values]
    assert posterior == f"{family}({', '.join(texts)})"
