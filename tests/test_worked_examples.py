"""Textbook answers, through the product: a configuration goes in, the answer comes out."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

import bayescope
from bayescope import information, sampling
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.softmax import softmax
from bayescope.models.density import likelihood_derivatives
from bayescope.pipeline import prepare, read_config

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


@pytest.mark.parametrize(("truth", "key"), [(0, "nll_if_0"), (1, "nll_if_1")])
def test_logistic_loss_of_one_row(truth, key):
    example = EXAMPLES["logistic_loss"]
    eta = float(np.log(example["p_hat"] / (1 - example["p_hat"])))
    run = answer(
        data={"columns": {"y": [truth], "x": [1.0]}},
        model={"use": "logistic", "formula": "y ~ 0 + x", "priors": {"x": f"Normal({eta!r}, 1e-9)"}},
        inference=["map"],
    )
    nll = run.record.loss.totals["map"]["nll"]
    assert nll == pytest.approx(example[key], abs=SIX_DECIMALS)


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


@pytest.mark.parametrize(("prior", "described"), EXAMPLES["regulariser_of_prior"].items())
def test_regulariser_of_a_prior(prior, described):
    family, letter = re.fullmatch(r"(\w+)\(0, (\w+)\)", prior).groups()
    scale = 3.0
    (penalty,) = theta_pinned_to([1.0, 2.0], f"{family}(0, {scale:g})").record.loss.penalties
    # the report writes the scale's number where the book writes its letter
    assert penalty.name.startswith(described.split(",")[0])
    expected = re.sub(
        rf"\b{letter}\b", f"* {scale:g}" if letter == "tau" else f"{scale:g}", described.split(", ")[1]
    )
    assert expected in penalty.formula
    assert penalty.value == pytest.approx({"tau": 1 / (2 * scale**2), "b": 1 / scale}[letter], rel=1e-12)


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


def likelihood_of(values, distribution):
    """The likelihood of a response that is wholly given: that of one hypothesis among two."""
    run = answer(
        data={"columns": {"y": values}},
        model={"response": "y", "hypotheses": {"given": distribution, "other": distribution}},
        inference=["exact"],
    )
    assert run["exact"].log_evidence == pytest.approx(
        -run.record.hypotheses.rows[0].surprise_bits * math.log(2)
    )
    return math.exp(run["exact"].log_evidence)


def test_the_likelihood_of_flips_is_the_product_of_their_probabilities():
    example = EXAMPLES["bernoulli_likelihood"]
    found = likelihood_of(example["flips"], f"Bernoulli({example['p']})")
    assert found == pytest.approx(example["likelihood"], rel=1e-14)


@pytest.mark.parametrize(("x", "density"), EXAMPLES["normal"]["density_50_5"].items())
def test_normal_density(x, density):
    # printed with six decimals, the last one with ten
    tolerance = SIX_DECIMALS if density > 1e-3 else 5.1e-11
    assert likelihood_of([x], "Normal(50, 5)") == pytest.approx(density, abs=tolerance)


@pytest.mark.parametrize(("sds", "factor"), EXAMPLES["normal"]["density_factor_by_distance"].items())
def test_normal_density_falls_with_the_distance(sds, factor):
    ratio = likelihood_of([50 + 5 * sds], "Normal(50, 5)") / likelihood_of([50], "Normal(50, 5)")
    assert ratio == pytest.approx(factor, abs=SIX_DECIMALS)


@pytest.mark.parametrize(("sds", "probability"), EXAMPLES["normal"]["within"].items())
def test_normal_probability_within(sds, probability):
    run = answer(
        data={"columns": {"y": [50]}},
        model={"likelihood": "Normal", "response": "y", "priors": {"mu": "Flat()", "sigma": 5}},
        inference=["exact"],
    )
    assert str(run["exact"].posterior["mu"]) == "Normal(50, 5)"
    above = [run["exact"].probability(f"mu > {50 + side * 5 * sds}").value for side in (-1, 1)]
    assert above[0] - above[1] == pytest.approx(probability, abs=SIX_DECIMALS)


TRUE = True  # what YAML makes of the key `true`: the class that occurred


def loss_of_logits(logits, one_hot):
    return information.cross_entropy(one_hot, sampling.categorical_probabilities(logits)).value


@pytest.mark.parametrize("row", EXAMPLES["softmax"], ids=lambda row: str(row["logits"]))
def test_softmax(row):
    p = sampling.categorical_probabilities(row["logits"])
    one_hot = np.eye(len(p))[row[TRUE]]
    assert p == pytest.approx(row["probabilities"], abs=SIX_DECIMALS)
    assert information.cross_entropy(one_hot, p).value == pytest.approx(row["nll"], abs=SIX_DECIMALS)
    gradient = [
        (loss_of_logits(row["logits"] + step, one_hot) - loss_of_logits(row["logits"] - step, one_hot)) / 2e-4
        for step in 1e-4 * np.eye(len(p))  # central differences: an error of 1e-8 / 6 of the third derivative
    ]
    assert gradient == pytest.approx(row["gradient"], abs=SIX_DECIMALS)


@pytest.mark.parametrize(("name", "loss"), EXAMPLES["loss_of_head"].items())
def test_loss_of_a_head(name, loss):
    data, model, _ = LOSSES[name]
    run = answer(
        data={"columns": {"y": data}}, model={"likelihood": name, "response": "y", **model}, inference=["mle"]
    )
    assert run.record.loss.loss == loss


LOSSES = {
    "Normal": ([1, 3, 2, 2], {}, {}),
    "Laplace": ([1, 3, 2, 2], {}, {}),
    **{name.split("(")[0]: pair for name, pair in PAIRS.items() if not name.startswith("Normal")},
}


@pytest.mark.parametrize("y", [0.0, 1.0])
@pytest.mark.parametrize("eta", [-1.3, 0.0, 2.2])
@pytest.mark.parametrize(
    ("name", "link", "others", "prediction"),
    [
        ("Normal", "identity", (1.0,), lambda eta: eta),
        ("Bernoulli", "logit", (), lambda eta: 1 / (1 + np.exp(-eta))),
        ("Poisson", "log", (), np.exp),
    ],
)
def test_gradient_in_eta_is_prediction_minus_truth(name, link, others, prediction, eta, y):
    said = EXAMPLES["gradient_in_eta"]
    assert said.startswith("prediction minus truth")
    assert name in said
    head = LIKELIHOODS[name]
    derivatives = head.on_link[link][1] if link in head.on_link else head.derivatives
    first, _ = derivatives(np.array([y]), None, (np.array([eta]), *others))
    assert -float(first[0, 0]) == pytest.approx(prediction(eta) - y, abs=1e-14)


RESPONSES = {
    "Normal": [1.0, 3.0, 2.0, 2.5, 0.0],
    "Laplace": [1.0, 3.0, 2.0, 2.5, 0.0],
    "Bernoulli": [0, 1, 0, 1, 1],
    "Categorical": ["a", "b", "c", "b", "a"],
    "Poisson": [1, 3, 2, 2, 0],
}


def regression(name, inference):
    return {
        "data": {"columns": {"x": [0.5, 1.0, -1.0, 2.0, 0.0], "y": RESPONSES[name]}},
        "model": {
            "likelihood": name,
            "formula": "y ~ x",
            "priors": {"sigma": 1} if name == "Normal" else {},
        },
        "inference": inference,
    }


@pytest.mark.parametrize(("name", "loss"), EXAMPLES["loss_of_head"].items())
def test_loss_of_a_head_with_a_formula(name, loss):
    assert answer(**regression(name, ["map"])).record.loss.loss == loss


@pytest.mark.parametrize("row", EXAMPLES["softmax"], ids=lambda row: str(row["logits"]))
def test_softmax_through_the_table(row):
    head = softmax(("a", "b", "c"), None)
    y, logits = np.array([float(row[TRUE])]), tuple(np.array([logit]) for logit in row["logits"])
    assert -head.log_density(y, None, logits) == pytest.approx(row["nll"], abs=SIX_DECIMALS)
    first, _ = head.derivatives(y, None, logits)
    assert -first[:, 0] == pytest.approx(row["gradient"], abs=SIX_DECIMALS)


def predictions(name, etas):
    """The mean of the response, and of an indicator for each class but the first."""
    if name == "Categorical":
        p = np.exp([np.zeros_like(etas[0]), *etas])
        return list((p / p.sum(axis=0))[1:])
    return [
        {"Normal": lambda eta: eta, "Bernoulli": lambda eta: 1 / (1 + np.exp(-eta)), "Poisson": np.exp}[name](
            etas[0]
        )
    ]


@pytest.mark.parametrize("name", ["Normal", "Bernoulli", "Categorical", "Poisson"])
def test_gradient_in_the_coefficients_is_the_error_times_the_design(name):
    _, model = prepare(read_config({"name": "example", **regression(name, ["map"])}))
    theta = np.linspace(-0.7, 0.9, len(model.names))
    blocks = [predictor for predictor in model.predictors if predictor.matrix is not None]
    y = np.array(RESPONSES[name])
    truths = [y == "b", y == "c"] if name == "Categorical" else [y]
    expected = np.zeros(len(theta))
    found = predictions(name, [block.matrix @ theta[block.index] for block in blocks])
    for block, prediction, truth in zip(blocks, found, truths, strict=True):
        expected[block.index] += block.matrix.T @ (prediction - truth)
    _, gradient, _ = likelihood_derivatives(model, theta)
    assert -gradient == pytest.approx(expected, abs=1e-13)


def test_a_likelihood_that_underflows_has_a_finite_logarithm_in_a_run():
    example = EXAMPLES["underflow"]
    half = example["n"] // 2
    run = coin(half, half, None, ["mle"])
    assert run["mle"].estimate[0] == example["p"]
    assert -run.record.loss.totals["mle"]["nll"] == pytest.approx(example["log_likelihood"], abs=SIX_DECIMALS)


def test_inverse_cdf_of_a_categorical():
    example = EXAMPLES["inverse_cdf_categorical"]
    assert sampling.inverse_cdf_discrete(example["pi"], example["u"]) == example["class"]


def test_the_sum_of_twelve_uniforms_is_nearly_normal():
    example = EXAMPLES["clt"]
    sums = sampling.central_limit(
        lambda rng, n: rng.random(n), example["uniforms"], 20_000, seed=1, mean=1 / 2, variance=1 / 12
    )
    assert (sums.mean, sums.variance) == pytest.approx((example["mean"], example["variance"]))
    # standard errors of the mean and of the variance of 20,000 sums (excess kurtosis -0.1)
    assert sums.sums.mean() == pytest.approx(example["mean"], abs=4 * math.sqrt(1 / 20_000))
    assert sums.sums.var() == pytest.approx(example["variance"], abs=4 * math.sqrt(2 / 20_000))


def test_four_times_the_draws_halve_the_standard_error():
    assert "four times the draws halve it" in EXAMPLES["monte_carlo"]
    draws = np.random.default_rng(1).normal(size=40_000)
    few, many = sampling.expectation(draws[:10_000]), sampling.expectation(draws)
    # the sd of 10,000 draws is known to 0.7 %
    assert many.standard_error / few.standard_error == pytest.approx(0.5, rel=4 * 0.008)


# where each entry of the file is tested: every part of it must be there
HERE, INFORMATION, HYPOTHESES = (
    "test_worked_examples.py",
    "information/test_information_examples.py",
    "test_hypotheses.py",
)
TESTED_IN = {
    HERE: {
        *(
            "coin",
            "sequential_update",
            "bernoulli_likelihood",
            "conjugate_pairs",
            "normal",
            "ols_no_intercept",
        ),
        *("logistic_loss", "softmax", "map_loss", "regulariser_of_prior", "loss_of_head", "gradient_in_eta"),
        *("underflow", "inverse_cdf_categorical", "clt", "monte_carlo"),
    },
    INFORMATION: {
        *(
            "underflow",
            "information_bits",
            "entropy_bits",
            "differential_entropy",
            "kl_nats",
            "cross_entropy_bits",
        ),
        *(
            "cross_entropy_one_hot_nats",
            "perplexity",
            "js_divergence",
            "forward_vs_reverse_kl",
            "fisher_information",
        ),
    },
    HYPOTHESES: {"discrete_bayes"},
}


def constants(source):
    """What a test file mentions before the registry above."""
    used = source.split("# where each entry of the file is tested")[0]
    return {node.value for node in ast.walk(ast.parse(used)) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_entry_is_tested_somewhere(key):
    files = [name for name, keys in TESTED_IN.items() if key in keys]
    assert files, f"no test file is named for {key}"
    for name in files:
        source = (Path(__file__).parent / name).read_text(encoding="utf-8")
        assert key in constants(source), f"{name} does not mention {key}"


@pytest.mark.parametrize("key", [key for key, section in EXAMPLES.items() if isinstance(section, dict)])
def test_every_part_of_an_entry_is_read(key):
    files = [name for name, keys in TESTED_IN.items() if key in keys]
    sources = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in files]
    walked = any(f'EXAMPLES["{key}"].items()' in source for source in sources)  # from end to end
    mentioned = set().union(*map(constants, sources))
    assert walked or set(EXAMPLES[key]) <= mentioned, set(EXAMPLES[key]) - mentioned


def test_every_named_file_is_named_for_entries_of_the_table_only():
    assert set().union(*TESTED_IN.values()) == set(EXAMPLES)
