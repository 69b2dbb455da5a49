"""Likelihoods: everything that must hold for every entry of the table, and for the one built in the guide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy

from bayescope.distributions.likelihoods import LIKELIHOODS, Likelihood
from bayescope.distributions.links import LINKS

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-likelihood.md"


def built_in_the_guide() -> dict[str, Any]:
    """Run the code blocks of docs/adding-a-likelihood.md, in order, in one namespace."""
    names: dict[str, Any] = {}
    for block in GUIDE.read_text(encoding="utf-8").split("```python\n")[1:]:
        exec(block.split("```")[0], names)  # noqa: S102
    return names


# One row for each likelihood: parameters to try it at, responses possible there, and trials.
ROWS: dict[str, dict[str, Any]] = {
    "Bernoulli": {"psi": (np.array([0.03, 0.6, 0.9]),), "y": np.array([0.0, 1.0, 1.0]), "trials": None},
    "Binomial": {
        "psi": (np.array([0.03, 0.6, 0.9]),),
        "y": np.array([0.0, 4.0, 12.0]),
        "trials": np.array([5.0, 9.0, 12.0]),
    },
    "Normal": {
        "psi": (np.array([-1.0, 0.4, 3.0]), np.array([0.5, 2.0, 1.3])),
        "y": np.array([-1.2, 4.0, 3.0]),
        "trials": None,
    },
    "Geometric": {"psi": (np.array([0.2, 0.6, 0.9]),), "y": np.array([7.0, 1.0, 2.0]), "trials": None},
    "NegativeBinomial": {
        "psi": (np.array([0.7, 3.0, 8.5]), np.array([0.3, 0.6, 0.8])),
        "y": np.array([0.0, 4.0, 3.0]),
        "trials": None,
    },
    "Poisson": {"psi": (np.array([0.3, 2.0, 8.5]),), "y": np.array([0.0, 3.0, 7.0]), "trials": None},
    "Exponential": {"psi": (np.array([0.3, 2.0, 8.5]),), "y": np.array([2.0, 0.3, 0.1]), "trials": None},
    "Gamma": {
        "psi": (np.array([1.0, 2.0, 8.5]), np.array([0.3, 1.6, 4.8])),
        "y": np.array([1.5, 0.4, 2.3]),
        "trials": None,
    },
    "Uniform": {
        "psi": (np.array([-1.0, 0.0, 2.0]), np.array([0.5, 4.0, 2.3])),
        "y": np.array([0.2, 3.9, 2.1]),
        "trials": None,
    },
    "ZeroInflatedPoisson": {
        "psi": (np.array([0.3, 0.8, 0.6]), np.array([0.7, 2.0, 8.5])),
        "y": np.array([0.0, 0.0, 7.0]),
        "trials": None,
    },
    "LogNormal": {
        "psi": (np.array([-1.0, 0.4, 1.5]), np.array([0.5, 1.1, 0.8])),
        "y": np.array([0.5, 4.0, 3.0]),
        "trials": None,
    },
    "Beta": {
        "psi": (np.array([0.2, 0.6, 0.85]), np.array([8.0, 5.0, 21.0])),
        "y": np.array([0.3, 0.61, 0.97]),
        "trials": None,
    },
    "Laplace": {
        "psi": (np.array([-1.0, 0.4, 3.0]), np.array([0.5, 2.0, 1.3])),
        "y": np.array([-1.2, 4.0, 3.1]),
        "trials": None,
    },
    "StudentT": {
        "psi": (np.array([3.0, 7.5, 120.0]), np.array([-1.0, 0.4, 3.0]), np.array([0.5, 2.0, 1.3])),
        "y": np.array([-1.2, 9.0, 3.0]),
        "trials": None,
    },
}
# The same distributions in the parameters that a formula takes.
OTHER_ROWS: dict[str, dict[str, Any]] = {
    "NegativeBinomial": {
        "psi": (np.array([0.7, 3.0, 8.5]), np.array([0.8, 130.0, 2.5])),
        "y": np.array([0.0, 4.0, 3.0]),
        "trials": None,
    },
    "Gamma": {
        "psi": (np.array([1.0, 2.0, 8.5]), np.array([2.3, 1.6, 140.0])),
        "y": np.array([1.5, 0.4, 8.3]),
        "trials": None,
    },
    "Exponential": {"psi": (np.array([0.3, 2.0, 8.5]),), "y": np.array([0.2, 3.0, 7.0]), "trials": None},
}
_GUIDE = built_in_the_guide()
HEADS: dict[str, tuple[Likelihood, dict[str, Any]]] = {
    **{name: (LIKELIHOODS[name], row) for name, row in ROWS.items()},
    **{f"{name} by its mean": (LIKELIHOODS[name].others[0], row) for name, row in OTHER_ROWS.items()},
    "Poisson (guide)": (_GUIDE["POISSON"], _GUIDE["ROW"]),
}
every_head = pytest.mark.parametrize(("head", "row"), HEADS.values(), ids=HEADS)
STEP = 1e-5
VECTORS = {"Categorical", "Multinomial", "MvNormal"}


def test_every_likelihood_has_a_row_here() -> None:
    # vectors and ordered levels have tests of their own
    levels = {name for name, entry in LIKELIHOODS.items() if entry.by_level}
    assert {*ROWS, *VECTORS, *levels} == set(LIKELIHOODS)
    others = {name for name, entry in LIKELIHOODS.items() for form in entry.others if not form.by_level}
    assert others == set(OTHER_ROWS)
    assert all(form.name == entry.name for entry in LIKELIHOODS.values() for form in entry.others)
    assert all(name == entry.name for name, entry in LIKELIHOODS.items())


@every_head
def test_an_entry_is_consistent(head: Likelihood, row: dict[str, Any]) -> None:
    assert head.location in [parameter.name for parameter in head.parameters]
    links = {link for parameter in head.parameters for link in parameter.links}
    location = next(parameter for parameter in head.parameters if parameter.name == head.location)
    assert links <= set(LINKS)
    assert set(head.on_link) <= set(location.links)
    assert head.needs_trials is (row["trials"] is not None)
    assert not head.response.violations(row["y"]).any()


# The density


@every_head
def test_log_density_is_that_of_pymc(head: Likelihood, row: dict[str, Any]) -> None:
    import pymc as pm
    import pytensor

    given = {parameter.name: value for parameter, value in zip(head.parameters, row["psi"], strict=True)}
    trials = {} if row["trials"] is None else {"n": row["trials"].astype(int)}
    y = row["y"].astype(int) if head.response.integer else row["y"]
    output = pm.logp(getattr(pm, head.name).dist(**head.pymc(given), **trials), y)
    expected = pytensor.function([], output, mode="FAST_COMPILE")()
    np.testing.assert_allclose(head.log_density(row["y"], row["trials"], row["psi"]), expected, rtol=1e-12)


@every_head
def test_the_density_sums_or_integrates_to_one(head: Likelihood, row: dict[str, Any]) -> None:
    for i in range(len(row["y"])):
        psi = tuple(value[i] for value in row["psi"])
        trials = None if row["trials"] is None else row["trials"][i]

        def density(y: Any, trials: Any = trials, psi: Any = psi) -> Any:
            return np.exp(head.log_density(np.asarray(y), trials, psi))

        if head.response.integer:
            # beyond 200 lies nothing of the rows here
            last = min(head.response.upper, 200.0 if trials is None else trials)
            total = density(np.arange(head.response.lower, last + 1.0)).sum()
        else:
            # the density of a Uniform ends at its parameters
            ends = psi if head.name == "Uniform" else (head.response.lower, head.response.upper)
            total, _ = scipy.integrate.quad(density, *ends, epsabs=1e-12)
        assert total == pytest.approx(1.0, abs=1e-10)


@every_head
def test_parameters_outside_their_support_have_no_density(head: Likelihood, row: dict[str, Any]) -> None:
    for k, parameter in enumerate(head.parameters):
        for outside in (parameter.support.lower - 0.5, parameter.support.upper + 0.5):
            if np.isfinite(outside):
                psi = (*row["psi"][:k], outside, *row["psi"][k + 1 :])
                assert (head.log_density(row["y"], row["trials"], psi) == -np.inf).all()


@every_head
def test_a_parameter_may_be_one_number_for_all_rows(head: Likelihood, row: dict[str, Any]) -> None:
    numbers = tuple(float(value[1]) for value in row["psi"])
    arrays = tuple(np.full(3, number) for number in numbers)
    values, trials = row["y"], row["trials"]
    np.testing.assert_array_equal(
        head.log_density(values, trials, numbers), head.log_density(values, trials, arrays)
    )
    for found, expected in zip(
        head.derivatives(values, trials, numbers), head.derivatives(values, trials, arrays), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


# The derivatives: in psi, and in eta for every link that is taken directly


def functions(head: Likelihood, row: dict[str, Any], link: str | None) -> tuple[Any, Any, list[Any]]:
    """The log density and derivatives to test, and the point: psi, with eta for the location on a link."""
    if link is None:
        return head.log_density, head.derivatives, list(row["psi"])
    place = [parameter.name for parameter in head.parameters].index(head.location)
    point = list(row["psi"])
    point[place] = LINKS[link].apply(point[place])
    return *head.on_link[link], point


direct_ways = [
    pytest.param(head, row, link, id=f"{name}, {link or 'parameters'}")
    for name, (head, row) in HEADS.items()
    for link in (None, *head.on_link)
]
every_way = pytest.mark.parametrize(("head", "row", "link"), direct_ways)


@every_way
def test_derivatives_are_those_of_the_log_density(
    head: Likelihood, row: dict[str, Any], link: str | None
) -> None:
    log_density, derivatives, point = functions(head, row, link)
    first, second = derivatives(row["y"], row["trials"], tuple(point))
    k, n = len(point), len(row["y"])
    assert first.shape == (k, n)
    assert second.shape == (k, k, n)
    np.testing.assert_array_equal(second, np.swapaxes(second, 0, 1))
    for j in range(k):
        ahead, behind = ((*point[:j], point[j] + shift, *point[j + 1 :]) for shift in (STEP, -STEP))

        def difference(function: Any, ahead: Any = ahead, behind: Any = behind) -> Any:
            return (function(row["y"], row["trials"], ahead) - function(row["y"], row["trials"], behind)) / (
                2.0 * STEP
            )

        # h^2 / 6 times a third derivative of up to 1e5 (2 / 0.03^3), and 1e-14 / h of rounding
        np.testing.assert_allclose(first[j], difference(log_density), rtol=1e-5, atol=1e-8)
        slopes = difference(lambda *arguments: derivatives(*arguments)[0])
        np.testing.assert_allclose(second[:, j], slopes, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("head", "row", "link"),
    [
        pytest.param(head, row, link, id=f"{name}, {link}")
        for name, (head, row) in HEADS.items()
        for link in head.concave
    ],
)
def test_log_p_is_concave_on_the_links_that_say_so(head: Likelihood, row: dict[str, Any], link: str) -> None:
    place = [parameter.name for parameter in head.parameters].index(head.location)
    eta = LINKS[link].apply(row["psi"][place])

    def log_p(shift: float) -> Any:
        location = LINKS[link].inverse(eta + shift)
        psi = (*row["psi"][:place], location, *row["psi"][place + 1 :])
        return head.log_density(row["y"], row["trials"], psi)

    assert (log_p(-0.02) + log_p(0.02) - 2 * log_p(0.0) <= 1e-12).all()


@every_way
def test_the_density_on_a_link_is_the_density(
    head: Likelihood, row: dict[str, Any], link: str | None
) -> None:
    log_density, _, point = functions(head, row, link)
    np.testing.assert_allclose(
        log_density(row["y"], row["trials"], tuple(point)),
        head.log_density(row["y"], row["trials"], row["psi"]),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("name", "link", "scale"),
    [
        ("Bernoulli", "logit", ()),
        ("Binomial", "logit", ()),
        ("Poisson", "log", ()),
        ("Normal", "identity", (1.0,)),
    ],
)
def test_the_gradient_of_the_loss_in_eta_is_prediction_minus_truth(
    name: str, link: str, scale: tuple[float, ...]
) -> None:
    head, row = HEADS[name]
    eta = np.array([-0.7, 0.0, 2.2])
    derivatives = head.on_link[link][1] if link in head.on_link else head.derivatives
    gradient_of_loss = -derivatives(row["y"], row["trials"], (eta, *scale))[0][0]
    trials = 1.0 if row["trials"] is None else row["trials"]
    prediction = trials * LINKS[link].inverse(eta)
    np.testing.assert_allclose(gradient_of_loss, prediction - row["y"], rtol=1e-14, atol=1e-15)


# Binomial and Bernoulli at the edge


def test_the_logit_keeps_its_digits_where_the_probability_rounds_to_one() -> None:
    log_density, derivatives = LIKELIHOODS["Bernoulli"].on_link["logit"]
    y, eta = np.array([1.0, 0.0, 1.0, 0.0]), np.array([40.0, -40.0, -800.0, 800.0])
    np.testing.assert_allclose(
        log_density(y, None, (eta,)), [-np.exp(-40.0), -np.exp(-40.0), -800.0, -800.0], rtol=1e-14
    )
    first, second = derivatives(y, None, (eta,))
    np.testing.assert_allclose(first[0], [np.exp(-40.0), -np.exp(-40.0), 1.0, -1.0], rtol=1e-14)
    np.testing.assert_allclose(second[0, 0], [-np.exp(-40.0), -np.exp(-40.0), 0.0, 0.0], rtol=1e-14)


@pytest.mark.parametrize(("p", "y"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_certain_outcome_has_density_one_and_finite_derivatives(p: float, y: float) -> None:
    head = LIKELIHOODS["Bernoulli"]
    assert head.log_density(np.array([y]), None, (p,)).tolist() == [0.0]
    first, second = head.derivatives(np.array([y]), None, (p,))
    assert first.tolist() == [[2.0 * y - 1.0]]
    assert second.tolist() == [[[-1.0]]]


@pytest.mark.parametrize(("p", "y"), [(0.0, 1.0), (1.0, 0.0)])
def test_an_impossible_outcome_has_no_density(p: float, y: float) -> None:
    assert LIKELIHOODS["Bernoulli"].log_density(np.array([y]), None, (p,)).tolist() == [-np.inf]


def test_the_binomial_coefficient_keeps_its_digits_for_many_trials() -> None:
    # one success of n at p = 1 / n: n p (1 - p)^(n - 1)
    n = 1e12
    found = LIKELIHOODS["Binomial"].log_density(np.array([1.0]), np.array([n]), (1.0 / n,))
    assert found == pytest.approx((n - 1.0) * np.log1p(-1.0 / n), rel=1e-12)


# Sampling


# where the range of the response depends on the parameters, the expected score is not zero; where the
# density has a kink, its curvature has a part that no point shows
SMOOTH = {name: pair for name, pair in HEADS.items() if name != "Uniform" and not pair[0].kinked}


@pytest.mark.parametrize(("head", "row"), SMOOTH.values(), ids=SMOOTH)
def test_samples_agree_with_the_derivatives(head: Likelihood, row: dict[str, Any]) -> None:
    """The expected score is zero, and minus the expected curvature is its covariance (Bartlett's identities)."""
    draws = 20_000
    rng = np.random.default_rng(20261120)
    for i in range(len(row["y"])):
        psi = tuple(np.full(draws, value[i]) for value in row["psi"])
        trials = None if row["trials"] is None else np.full(draws, row["trials"][i])
        y = head.sample(rng, trials, psi)
        assert y.shape == (draws,)
        assert y.dtype == np.float64
        assert not head.response.violations(y).any()
        score, curvature = head.derivatives(y, trials, psi)
        terms = [*score, *(score[:, np.newaxis] * score[np.newaxis] + curvature).reshape(-1, draws)]
        for term in terms:
            error = term.std() / np.sqrt(draws)
            # five standard errors, plus rounding where a term is zero for every draw
            assert abs(term.mean()) < 5.0 * error + 1e-9 * np.abs(score).max() ** 2


# Categorical, whose parameter is a vector along the last axis


P = np.array([0.2, 0.5, 0.3])


def test_a_category_has_its_probability_whether_all_rows_share_it_or_not() -> None:
    head = LIKELIHOODS["Categorical"]
    y = np.array([2.0, 0.0, 2.0, 1.0])
    np.testing.assert_allclose(np.exp(head.log_density(y, None, (P,))), P[[2, 0, 2, 1]], rtol=1e-15)
    rows = np.stack([P, P[::-1], P, P])
    np.testing.assert_allclose(np.exp(head.log_density(y, None, (rows,))), [0.3, 0.3, 0.3, 0.5], rtol=1e-15)


def test_the_density_of_a_category_is_that_of_pymc() -> None:
    import pymc as pm
    import pytensor

    output = pm.logp(pm.Categorical.dist(p=P), np.array([0, 1, 2]))
    expected = pytensor.function([], output, mode="FAST_COMPILE")()
    head = LIKELIHOODS["Categorical"]
    np.testing.assert_allclose(head.log_density(np.arange(3.0), None, (P,)), expected, rtol=1e-14)


def test_numbers_that_are_no_probabilities_give_categories_no_density() -> None:
    head = LIKELIHOODS["Categorical"]
    for p in (np.array([0.5, 0.6]), np.array([1.2, -0.2])):
        assert head.log_density(np.array([0.0, 1.0]), None, (p,)).tolist() == [-np.inf, -np.inf]


def test_an_impossible_category_has_no_density() -> None:
    found = LIKELIHOODS["Categorical"].log_density(np.array([0.0, 1.0]), None, (np.array([1.0, 0.0]),))
    assert found.tolist() == [0.0, -np.inf]


def test_categories_are_drawn_as_often_as_their_probabilities_say() -> None:
    draws = 40_000
    y = LIKELIHOODS["Categorical"].sample(
        np.random.default_rng(20261120), None, (np.broadcast_to(P, (draws, 3)),)
    )
    assert y.shape == (draws,)
    shares = np.bincount(y.astype(int), minlength=3) / draws
    assert np.all(np.abs(shares - P) < 5.0 * np.sqrt(P * (1.0 - P) / draws))


def test_the_probabilities_of_a_category_have_no_derivatives_one_by_one() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        LIKELIHOODS["Categorical"].derivatives(np.zeros(1), None, (P,))
