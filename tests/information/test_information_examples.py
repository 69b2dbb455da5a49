"""Textbook answers about information, from the table of worked examples."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from bayescope.config.priors import parse_prior
from bayescope.information import (
    bernoulli,
    cramer_rao_bound,
    cross_entropy,
    entropy,
    fisher_information,
    jensen_shannon,
    kl,
    log_likelihood,
    mixture,
    normal,
    perplexity,
    project,
    surprise,
)

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")
SIX_DECIMALS = 5.1e-7  # the answers are printed with six
# KL([0.5, 0.3, 0.2] || [0.1, 0.1, 0.8]) = 0.5 log 5 + 0.3 log 3 - 0.2 log 4 = 0.8570438: the example's last digit is off
MISPRINTS = {0.857042: 0.857044}


def six(value):
    return pytest.approx(value, abs=SIX_DECIMALS)


def distribution(written):
    """What an example writes: a text in the grammar of priors, or a list of probabilities."""
    return parse_prior(written) if isinstance(written, str) else written


@pytest.mark.parametrize(("p", "bits"), EXAMPLES["information_bits"].items())
def test_surprise(p, bits):
    assert float(surprise(float(Fraction(p)), base=2)) == six(bits)


@pytest.mark.parametrize(("p", "bits"), EXAMPLES["entropy_bits"]["bernoulli"].items())
def test_entropy_of_a_coin(p, bits):
    assert entropy(bernoulli(p), base=2).value == six(bits)
    assert entropy([p, 1 - p], base=2).value == six(bits)


@pytest.mark.parametrize(("p", "bits"), EXAMPLES["entropy_bits"]["categorical"])
def test_entropy_of_a_table(p, bits):
    assert entropy(p, base=2).value == six(bits)


@pytest.mark.parametrize(("written", "answer"), EXAMPLES["differential_entropy"].items())
def test_differential_entropy(written, answer):
    assert entropy(distribution(written)).value == six(answer["nats"])
    assert entropy(distribution(written), base=2).value == six(answer["bits"])


@pytest.mark.parametrize("row", EXAMPLES["kl_nats"], ids=lambda row: f"{row['p']}-{row['q']}")
def test_kl(row):
    p, q = distribution(row["p"]), distribution(row["q"])
    assert kl(p, q).value == six(MISPRINTS.get(row["forward"], row["forward"]))
    assert kl(p, q).how == "closed form"
    if "reverse" in row:
        assert kl(q, p).value == six(row["reverse"])


def test_cross_entropy_is_entropy_plus_kl():
    row = EXAMPLES["cross_entropy_bits"]
    assert cross_entropy(row["p"], row["q"], base=2).value == six(row["cross_entropy"])
    assert kl(row["p"], row["q"], base=2).value == six(row["kl"])


@pytest.mark.parametrize(("p", "nats"), EXAMPLES["cross_entropy_one_hot_nats"].items())
def test_cross_entropy_of_a_one_hot_truth_is_the_surprise_of_the_truth(p, nats):
    assert cross_entropy([0, 1, 0], [(1 - p) / 2, p, (1 - p) / 2]).value == six(nats)


def test_perplexity():
    row = EXAMPLES["perplexity"]
    assert perplexity(row["mean_nll"]) == six(row["perplexity"])
    assert perplexity(row["mean_nll"] / math.log(2), base=2) == six(row["perplexity"])


@pytest.mark.parametrize("pair", [([0.7, 0.3], [0.5, 0.5]), (normal(0, 1), normal(3, 0.1))], ids=str)
def test_jensen_shannon_is_bounded_and_symmetric(pair):
    assert EXAMPLES["js_divergence"]["symmetric"]
    lower, upper = EXAMPLES["js_divergence"]["bounds"]
    forward, backward = jensen_shannon(*pair), jensen_shannon(*pair[::-1])
    assert lower < forward.value < upper
    assert forward.value == pytest.approx(backward.value, abs=forward.error + backward.error)


def test_jensen_shannon_reaches_its_bounds():
    lower, upper = EXAMPLES["js_divergence"]["bounds"]
    assert jensen_shannon([0.2, 0.8], [0.2, 0.8]).value == lower
    assert jensen_shannon([1, 0], [0, 1]).value == six(upper)


def test_forward_kl_covers_both_modes_and_reverse_sits_on_one():
    assert "equal mixture at -2 and +2" in EXAMPLES["forward_vs_reverse_kl"]
    sd = 0.5
    target = mixture([normal(-2, sd), normal(2, sd)])
    covering = project(target, direction="forward").density.arguments
    # the variance of a mixture is that within plus that between its components
    assert covering["mu"] == pytest.approx(0, abs=1e-12)
    assert covering["sigma"] == pytest.approx(math.hypot(sd, 2), rel=1e-12)
    sitting = project(target, direction="reverse").density.arguments
    assert abs(sitting["mu"]) == pytest.approx(2, abs=0.01)
    assert sitting["sigma"] == pytest.approx(sd, abs=0.01)


def test_one_parameter_may_be_named_by_itself():
    found = fisher_information(normal(0, 2), n=10, of="mu")
    np.testing.assert_allclose(found, fisher_information(normal(0, 2), n=10, of=["mu"]))


def test_fisher_information_and_the_bound_on_the_variance():
    row = EXAMPLES["fisher_information"]
    assert {"Bernoulli(p), n", "Normal mean, sigma known, n", "bound"} == set(row)
    n, p, sigma = 25, 0.3, 2.0
    assert fisher_information(bernoulli(p), n).item() == pytest.approx(n / (p * (1 - p)))
    known_sigma = fisher_information(normal(7, sigma), n, of=["mu"]).item()
    assert known_sigma == pytest.approx(n / sigma**2)
    assert cramer_rao_bound(normal(7, sigma), n, of=["mu"]).item() == pytest.approx(1 / known_sigma)


def test_a_likelihood_that_underflows_has_a_finite_logarithm():
    row = EXAMPLES["underflow"]
    flips = np.arange(row["n"]) % 2
    found = log_likelihood(bernoulli(row["p"]), flips)
    assert found == six(row["log_likelihood"])
    assert math.floor(found / math.log(10)) + 1 == float(row["likelihood"].split("1e")[1])
    million = log_likelihood(bernoulli(row["p"]), [0, 1], counts=[500_000, 500_000])
    assert math.exp(million) == 0.0
    assert million == pytest.approx(-1e6 * math.log(2))
