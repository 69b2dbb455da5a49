"""The exact posterior of random regressions against brute force and NUTS; MLE and MAP against random points.

The references share no code with the product: densities are scipy's, integrals are sums over
dense grids, and given sigma the coefficients follow the textbook formulas with plain inverses.
"""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayescope.models.density import log_likelihood
from bayescope.models.prior_density import log_prior
from bayescope.pipeline import execute, fit_all, prepare, read_config

TOLERANCE = 1e-6
LEGENDRE, LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(8)
# prior of sigma: its density by scipy from its arguments (None: density 1), and what arguments to draw
SIGMA_PRIORS = {
    "HalfFlat": (None, ()),
    "HalfNormal": (lambda s: scipy.stats.halfnorm(scale=s), ((0.2, 5.0),)),
    "HalfCauchy": (lambda b: scipy.stats.halfcauchy(scale=b), ((0.2, 5.0),)),
    "HalfStudentT": (lambda nu, s: TwiceUpper(scipy.stats.t(nu, scale=s)), ((2.0, 9.0), (0.2, 5.0))),
    "Exponential": (lambda lam: scipy.stats.expon(scale=1 / lam), ((0.2, 5.0),)),
    "Gamma": (lambda a, b: scipy.stats.gamma(a, scale=1 / b), ((1.0, 5.0), (0.2, 5.0))),
    "InverseGamma": (lambda a, b: scipy.stats.invgamma(a, scale=b), ((0.5, 5.0), (0.2, 5.0))),
    "LogNormal": (lambda mu, s: scipy.stats.lognorm(s, scale=np.exp(mu)), ((-1.0, 1.0), (0.1, 2.0))),
    "Uniform": (lambda low, high: scipy.stats.uniform(low, high - low), ((0.01, 0.3), (3.0, 9.0))),
}


class TwiceUpper:
    """The density of |x| for a density symmetric about 0."""

    def __init__(self, whole):
        self.whole = whole

    def logpdf(self, x):
        return np.log(2) + self.whole.logpdf(x)


class Problem:
    """A random regression: data, priors, and their densities by scipy. `seed` decides everything."""

    def __init__(self, seed, columns=None, sigma=None, *, unknown_sigma=False, any_units=False):
        rng = np.random.default_rng(seed)
        self.columns = columns or int(rng.integers(1, 4))
        rows = int(rng.integers(self.columns + 5, 41))
        self.intercept = bool(rng.random() < 0.7)
        x = rng.normal(rng.uniform(-3, 3), rng.uniform(0.3, 3), size=(rows, self.columns))
        self.X = np.column_stack([np.ones(rows), x[:, 1:]]) if self.intercept else x
        self.noise = rng.uniform(0.3, 2.0)
        self.y = self.X @ rng.normal(0, 2, self.columns) + rng.normal(0, self.noise, rows)
        if any_units:  # of the data but not of the priors, which may then be far away
            self.X = self.X * np.where(
                np.ptp(self.X, axis=0) > 0, 10.0 ** rng.uniform(-3, 3, self.columns), 1.0
            )
            self.y = self.y * 10.0 ** rng.uniform(-2, 2)
        self.names = (["Intercept"] if self.intercept else ["x0"]) + [f"x{j}" for j in range(1, self.columns)]
        flat = rng.random(self.columns) < 0.3
        self.mean = np.where(flat, 0.0, rng.normal(0, 1, self.columns).round(3))
        self.sd = np.where(flat, np.inf, rng.uniform(0.2, 5, self.columns).round(3))
        is_known = rng.random() < 0.15 and not (unknown_sigma or sigma)
        chosen = str(rng.choice(list(SIGMA_PRIORS)))
        self.sigma = None if is_known else sigma or chosen
        self.sigma_arguments = self._arguments(rng)

    def _arguments(self, rng):
        ranges = SIGMA_PRIORS[self.sigma][1] if self.sigma else ()
        return [float(np.round(rng.uniform(*ends), 3)) for ends in ranges]

    def fixed_sigma(self):
        return float(np.round(self.noise, 3))

    def configuration(self, *methods):
        columns = {"y": self.y.tolist()}
        slopes = [name for name in self.names if name != "Intercept"]
        columns |= {name: self.X[:, self.names.index(name)].tolist() for name in slopes}
        formula = f"y ~ {' + '.join(['1' if self.intercept else '0', *slopes])}"
        priors = {
            name: "Flat()" if np.isinf(sd) else f"Normal({m!r}, {sd!r})"
            for name, m, sd in zip(self.names, self.mean.tolist(), self.sd.tolist(), strict=True)
        }
        arguments = ", ".join(map(repr, self.sigma_arguments))
        priors["sigma"] = f"{self.sigma}({arguments})" if self.sigma else self.fixed_sigma()
        model = {"likelihood": "Normal", "formula": formula, "priors": priors}
        return {"name": "random", "data": {"columns": columns}, "model": model, "inference": list(methods)}

    def fits(self, *methods):
        loaded = read_config(self.configuration(*methods))
        _, model = prepare(loaded)
        return model, {fit.name: fit for fit in fit_all(loaded.config, model, lambda _message: None)}

    def exact(self):
        return self.fits({"exact": {"draws": 1, "chains": 1}})[1]["exact"]

    @property
    def proper(self):
        return bool(np.isfinite(self.sd).all()) and self.sigma != "HalfFlat"

    def log_sigma_prior(self, sigma):
        density = SIGMA_PRIORS[self.sigma][0]
        return np.zeros_like(sigma) if density is None else density(*self.sigma_arguments).logpdf(sigma)

    def log_coefficient_prior(self, beta):
        """Sum over coefficients, for beta of shape (..., k); a flat prior has density 1."""
        proper = np.isfinite(self.sd)
        return scipy.stats.norm(self.mean[proper], self.sd[proper]).logpdf(beta[..., proper]).sum(axis=-1)

    def log_likelihood(self, beta, sigma):
        residuals = self.y - beta @ self.X.T
        return scipy.stats.norm(0.0, sigma[..., np.newaxis]).logpdf(residuals).sum(axis=-1)


def log_sigma_nodes(problem, low=-10.0, high=30.0, width=0.02):
    """Nodes and weights of Gauss-Legendre panels over log sigma, finer towards the ends of a Uniform prior."""
    edges = np.linspace(low, high, int((high - low) / width) + 1)
    if problem.sigma == "Uniform":  # all of the posterior may be within 1e-6 of an end
        start, end = np.log(problem.sigma_arguments)
        steps = np.geomspace(1e-12, 0.5, 200) * (end - start)
        edges = np.unique(np.clip([start, *start + steps, *end - steps, end], start, min(high, end)))
    half = np.diff(edges)[:, np.newaxis] / 2
    nodes = (edges[:-1, np.newaxis] + half * (1 + LEGENDRE)).ravel()
    return nodes, (half * LEGENDRE_WEIGHTS).ravel()


def given_sigma(problem, sigma):
    """Mean (m, k), covariance (m, k, k) and log p(y | sigma) (m,) of the coefficients at each sigma (m,).

    V = (X'X / sigma^2 + P)^-1, mean = V (X'y / sigma^2 + P m0); the evidence is likelihood x prior /
    posterior at the posterior mean (Chib 1995).
    """
    X, y, precision = problem.X, problem.y, np.diag(problem.sd**-2.0)
    square = sigma[:, np.newaxis, np.newaxis] ** 2
    covariance = np.linalg.inv(X.T @ X / square + precision)
    target = X.T @ y / square[:, 0] + precision @ problem.mean
    mean = (covariance @ target[..., np.newaxis])[..., 0]
    height = -0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    return (
        mean,
        covariance,
        problem.log_likelihood(mean, sigma) + problem.log_coefficient_prior(mean) - height,
    )


def over_sigma(problem, **limits):
    """On a grid of log sigma: sigma, means and sds of the coefficients, and the mass p(y, sigma) of each node."""
    nodes, weights = log_sigma_nodes(problem, **limits)
    sigma = np.exp(nodes)
    mean, covariance, log_given = given_sigma(problem, sigma)
    log_mass = log_given + problem.log_sigma_prior(sigma) + nodes + np.log(weights)
    return sigma, mean, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), log_mass


def by_quadrature(problem):
    """Means and sds of coefficients and sigma, and the log evidence, by a sum over a dense grid of sigma."""
    if problem.sigma is None:
        mean, covariance, log_evidence = given_sigma(problem, np.array([problem.fixed_sigma()]))
        return mean[0], np.sqrt(np.diag(covariance[0])), log_evidence[0]
    sigma, mean, sd, log_mass = over_sigma(problem)
    values, within = np.column_stack([mean, sigma]), np.column_stack([sd, np.zeros_like(sigma)])
    return moments(values, within, log_mass)


def moments(values, within, log_mass):
    """Means, sds and log of the total mass, of values (m, k) with sds `within` on nodes of some log mass (m,)."""
    peak = log_mass.max()
    mass = np.exp(log_mass - peak)
    share = mass / mass.sum()
    mean = share @ values
    sd = np.sqrt(share @ (within**2 + (values - mean) ** 2))
    return mean, sd, peak + np.log(mass.sum())


def on_a_tensor_grid(problem):
    """The same for one coefficient, from nothing but the joint density on a grid of (beta, log sigma).

    beta = b + s sinh(u) around least squares: the trapezoidal rule in u is good for tails of any weight.
    """
    x, y = problem.X[:, 0], problem.y
    centre = x @ y / (x @ x)
    unit = np.sqrt(np.sum((y - x * centre) ** 2) / (x @ x) / len(y))
    u = np.linspace(-16, 16, 3201)
    beta = centre + unit * np.sinh(u)
    nodes, weights = log_sigma_nodes(problem, low=-4.0, high=14.0, width=0.2)
    squares = np.sum((y - np.outer(beta, x)) ** 2, axis=1)
    log_likelihood_ = -0.5 * np.outer(squares, np.exp(-2 * nodes)) - len(y) * (
        nodes + 0.5 * np.log(2 * np.pi)
    )
    of_beta = problem.log_coefficient_prior(beta[:, np.newaxis]) + np.log(unit * np.cosh(u) * (u[1] - u[0]))
    of_sigma = problem.log_sigma_prior(np.exp(nodes)) + nodes + np.log(weights)
    log_mass = (log_likelihood_ + of_beta[:, np.newaxis] + of_sigma).ravel()
    values = np.stack(np.broadcast_arrays(beta[:, np.newaxis], np.exp(nodes)), axis=-1).reshape(-1, 2)
    return moments(values, 0.0, log_mass)


def assert_agrees(fit, problem, reference):
    mean, sd, log_evidence = reference
    assert fit.outcome.status == "ok", fit.outcome
    np.testing.assert_allclose((fit.estimate - mean) / sd, 0.0, atol=TOLERANCE)
    np.testing.assert_allclose(fit.sd, sd, rtol=TOLERANCE)
    if problem.proper:
        assert fit.log_evidence == pytest.approx(log_evidence, abs=TOLERANCE, rel=1e-10)
    else:
        assert fit.log_evidence is None


SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW_EXAMPLES = settings(EXAMPLES, max_examples=8)


@given(SEEDS)
@EXAMPLES
def test_moments_and_evidence_are_those_of_quadrature_over_sigma(seed):
    problem = Problem(seed, any_units=True)
    assert_agrees(problem.exact(), problem, by_quadrature(problem))


@pytest.mark.parametrize("sigma", SIGMA_PRIORS)
@given(SEEDS)
@FEW_EXAMPLES
def test_every_prior_of_sigma(sigma, seed):
    problem = Problem(seed, sigma=sigma, any_units=True)
    assert_agrees(problem.exact(), problem, by_quadrature(problem))


@given(SEEDS)
@settings(EXAMPLES, max_examples=15)
def test_one_coefficient_on_a_grid_of_the_joint_density(seed):
    problem = Problem(seed, columns=1, unknown_sigma=True)
    assert_agrees(problem.exact(), problem, on_a_tensor_grid(problem))


@given(SEEDS, st.floats(0.001, 0.999))
@settings(EXAMPLES, max_examples=20)
def test_quantiles_leave_their_probability_below(seed, probability):
    problem = Problem(seed, unknown_sigma=True, any_units=True)
    marginals = problem.exact().marginals
    _, mean, sd, log_mass = over_sigma(problem)
    share = np.exp(log_mass - log_mass.max())
    share /= share.sum()
    for j, name in enumerate(problem.names):
        quantile = float(marginals[name].quantile(np.array(probability)))
        below = share @ scipy.stats.norm.cdf((quantile - mean[:, j]) / sd[:, j])
        assert below == pytest.approx(probability, abs=TOLERANCE)
    quantile = float(marginals["sigma"].quantile(np.array(probability)))
    below = np.exp(over_sigma(problem, high=np.log(quantile))[-1] - log_mass.max()).sum()
    assert below / np.exp(log_mass - log_mass.max()).sum() == pytest.approx(probability, abs=TOLERANCE)


def assert_nuts_agrees(problem, **nuts):
    run = execute(read_config(problem.configuration("exact", {"nuts": nuts})))
    rows = run.comparison.query("method == 'nuts'")
    assert set(rows.reference) == {"exact"}
    assert len(rows) == len(run.model.names)
    assert rows[["z", "z_sd"]].abs().max(axis=None) <= 4, rows


# between them: an intercept and none, flat and Normal priors, sigma known, Exponential and Uniform
@pytest.mark.parametrize("seed", [1, 3, 25])
def test_nuts_agrees(seed):
    assert_nuts_agrees(Problem(seed), sampler="pymc", draws=500, tune=500)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_nuts_agrees_on_many(seed):
    assert_nuts_agrees(Problem(seed))


REAL_PRIORS = ("Flat()", "Normal({0}, {1})", "Laplace({0}, {1})", "StudentT(4, {0}, {1})", "Cauchy({0}, {1})")


def with_any_priors(problem, seed):
    """The configuration of `problem` with priors of any kind on the coefficients."""
    rng = np.random.default_rng(seed)
    configuration = problem.configuration("mle", "map")
    for name in problem.names:
        location, scale = rng.normal(0, 1), rng.uniform(0.2, 5)
        text = str(rng.choice(REAL_PRIORS)).format(f"{location:.3f}", f"{scale:.3f}")
        configuration["model"]["priors"][name] = text
    return configuration


def around(rng, point, sd, size):
    """Points around `point` from a thousandth of an sd to three sds away; a sigma, the last, stays positive."""
    reach = 10.0 ** rng.uniform(-3, 0.5, size=(size, 1))
    step = reach * sd * rng.normal(size=(size, len(point)))
    points = point + step
    points[:, -1] = point[-1] * np.exp(step[:, -1] / point[-1])
    return points


@given(SEEDS)
@EXAMPLES
def test_no_point_has_more_likelihood_than_mle_or_more_density_than_map(seed):
    problem = Problem(seed, unknown_sigma=True, any_units=True)
    loaded = read_config(with_any_priors(problem, seed))
    _, model = prepare(loaded)
    mle, map_ = fit_all(loaded.config, model, lambda _message: None)
    assert mle.answered, mle.outcome
    assert map_.answered, map_.outcome
    highest = log_likelihood(model, mle.estimate)
    densest = log_likelihood(model, map_.estimate) + log_prior(model, map_.estimate)
    rng = np.random.default_rng(seed)
    for centre in (mle.estimate, map_.estimate):
        for theta in around(rng, centre, mle.sd, 50):
            likelihood = log_likelihood(model, theta)
            assert likelihood <= highest + 1e-9 * max(1.0, abs(highest))
            assert likelihood + log_prior(model, theta) <= densest + 1e-9 * max(1.0, abs(densest))


# small library models whose posterior has a closed form and at most three unknowns: data, and the model with its answers
SOLVED = {
    "coin": ({"flip": [1] * 6 + [0] * 4}, {"response": "flip", "priors": {"p": "Beta(2, 2)"}}),
    "poisson-rate": ({"count": [3, 1, 4, 1, 5]}, {"response": "count", "priors": {"mu": "Gamma(2, 1)"}}),
    "exponential-rate": (
        {"wait": [0.3, 1.2, 0.7, 2.2]},
        {"response": "wait", "priors": {"lam": "Gamma(2, 1)"}},
    ),
    "geometric-chance": ({"tries": [1, 3, 2, 6]}, {"response": "tries", "priors": {"p": "Beta(2, 3)"}}),
    "normal-mean": (
        {"y": [1.2, 3.1, 2.4]},
        {"response": "y", "priors": {"mu": "Normal(0, 2)", "sigma": 1.5}},
    ),
    "normal-precision": ({"y": [1.2, -3.1, 2.4, 0.3]}, {"response": "y"}),
    "linear": (
        {"y": [1.0, 2.3, 2.9, 4.4, 4.6, 6.3], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]},
        {"formula": "y ~ x", "priors": {"sigma": "HalfNormal(1)"}},
    ),
}


@pytest.fixture(scope="session")
def solved():
    """Every way to each of these posteriors that needs no Markov chain, by model."""
    return {
        name: execute(
            read_config(
                {
                    "name": name,
                    "data": {"columns": columns},
                    "model": {"use": name, **model},
                    "inference": ["mle", "map", "exact", "grid", "laplace", "importance"],
                }
            )
        )
        for name, (columns, model) in SOLVED.items()
    }


@pytest.mark.parametrize("name", SOLVED)
def test_the_grid_is_exact_to_its_own_error(solved, name):
    run = solved[name]
    exact, grid = run["exact"], run["grid"]
    # the error is relative, of the integral and of the first two moments; the exact answer has one of 1e-9
    error = grid.details["relative_error"] + 1e-9
    assert error < 1e-6
    np.testing.assert_allclose((grid.estimate - exact.estimate) / exact.sd, 0.0, atol=4 * error)
    np.testing.assert_allclose(grid.sd, exact.sd, rtol=4 * error)
    assert grid.log_evidence == pytest.approx(exact.log_evidence, abs=error)
    for row in run.comparison.query("method == 'grid'").itertuples():
        # KL is of second order in the error of the density
        assert row.kl_nats <= 1e-7 + row.kl_error
        assert row.wasserstein_1_in_sd <= 1e-6


@pytest.mark.parametrize("name", SOLVED)
def test_importance_agrees_within_its_monte_carlo_error(solved, name):
    rows = solved[name].comparison.query("method == 'importance'")
    assert set(rows.reference) == {"exact"}
    assert rows[["z", "z_sd"]].abs().max(axis=None) <= 4, rows
    # draws tell a divergence to 0.01 nats, as the docs say: its error is of their moments, not of their shape
    assert (rows.kl_nats <= 4 * rows.kl_error + 0.01).all(), rows


@pytest.mark.parametrize("name", SOLVED)
@pytest.mark.parametrize("method", ["map", "laplace"])
def test_map_and_laplace_may_differ_and_the_run_says_by_how_much(solved, name, method):
    run = solved[name]
    rows = run.comparison.query("method == @method")
    exact, fit = run["exact"], run[method]
    assert list(rows.mean_shift_in_sd) == pytest.approx(list((fit.estimate - exact.estimate) / exact.sd))
    assert list(rows.sd_ratio) == pytest.approx(list(fit.sd / exact.sd))
    assert rows.wasserstein_1_in_sd.notna().all()
    if method == "laplace":
        assert rows.kl_nats.notna().all()
        assert (rows.kl_nats >= 0).all()
        assert (rows.kl_error < 1e-4).all()


@pytest.fixture(scope="session")
def unsolved():
    """A posterior without a closed form by four roads: logistic regression with two unknowns."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=40)
    columns = {"x": x.tolist(), "y": (x + rng.logistic(size=40) > 0).astype(int).tolist()}
    nuts = {"nuts": {"sampler": "pymc", "draws": 500, "tune": 500}}
    model = {"use": "logistic", "formula": "y ~ x"}
    methods = ["map", "grid", "laplace", "importance", nuts]
    return execute(
        read_config({"name": "run", "data": {"columns": columns}, "model": model, "inference": methods})
    )


@pytest.mark.parametrize("method", ["importance", "nuts"])
def test_without_a_closed_form_the_samplers_agree_with_the_grid(unsolved, method):
    rows = unsolved.comparison.query("method == @method")
    assert set(rows.reference) == {"grid"}
    assert rows[["z", "z_sd"]].abs().max(axis=None) <= 4, rows


def log_gamma(x):
    """Stirling's series in 50 digits, right to 1e-30 from x = 1e5 on."""
    with localcontext(prec=50):
        two_pi = Decimal("6.28318530717958647692528676655900576839433879875021")
        return (x - Decimal("0.5")) * x.ln() - x + two_pi.ln() / 2 + 1 / (12 * x) - 1 / (360 * x**3)


@pytest.mark.parametrize("flips", [10**6, 10**9])
def test_evidence_of_very_many_flips_is_finite_and_right(flips):
    heads = 6 * flips // 10
    run = execute(
        read_config(
            {
                "name": "coin",
                "data": {"counts": {"flip": {1: heads, 0: flips - heads}}},
                "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
                "inference": ["mle", "map", "exact"],
            }
        )
    )
    assert str(run["exact"].posterior["p"]) == f"Beta({heads + 2}, {flips - heads + 2})"
    a, b = Decimal(heads + 2), Decimal(flips - heads + 2)
    truth = log_gamma(a) + log_gamma(b) - log_gamma(a + b) + Decimal(6).ln()  # B(2, 2) = 1 / 6
    rounding = 4 * np.finfo(float).eps * float(log_gamma(a + b))  # of the terms of log B
    assert run["exact"].log_evidence == pytest.approx(float(truth), rel=0, abs=rounding)
