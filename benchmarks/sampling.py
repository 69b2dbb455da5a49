"""NUTS: effective draws a second, of the whole fit and of the sampling alone, against Bambi and by hand."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import rstanarm
from benchmarks.harness import Contender, Row, Runs, Section, Target, alternate, attempt, calling
from benchmarks.machine import has_rstanarm
from benchmarks.problems import Floats, answered, frame_of, simulate, size_of, whole_fit

PRIORS = {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 1)"}
_SIGMA = 1.0  # HalfNormal
_DRAWS = 1000
_WHOLE = "whole fit"
_FEWER = 100  # draws, and tuning steps, of a peer where a whole run takes minutes


@dataclass(frozen=True)
class Chains:
    """Draws of shape (chain, draw) of each unknown, and seconds of the sampling alone.

    `whole` are those of the whole fit, where the run that is timed does more (it starts a process).
    """

    draws: Mapping[str, Floats]
    sampling: float
    whole: float | None = None

    @cached_property
    def ess(self) -> float:
        """The least bulk effective sample size of any unknown."""
        import arviz

        found = arviz.ess(arviz.convert_to_datatree(dict(self.draws)), method="bulk")
        return min(float(found[name].min()) for name in self.draws)


@dataclass(frozen=True)
class Case:
    """One comparison: data, who takes part, the targets of the whole fit and of the sampling alone."""

    task: str
    kind: str
    frame: pd.DataFrame
    size: str
    whole: Target | None = None
    alone: Target | None = None
    peers: tuple[str, ...] = ("Bambi",)
    draws: int = _DRAWS
    repeats: int = 2


def section(*, quick: bool) -> Section:
    """The cases of the table, then our sampling at 1e7 rows against that at 1e3."""
    rows: list[Row] = []
    skipped: list[str] = []
    for case in _cases(quick=quick):
        found, failures = attempt(f"{case.task}, {case.size}", partial(compare, case))
        rows += found
        skipped += failures
    largest = 100_000 if quick else 10_000_000
    rows += attempt("nuts against itself at 1e3 rows", lambda: ([_flat_in_rows(largest)], []))[0]
    return Section(tuple(rows), skipped=tuple(skipped))


def _cases(*, quick: bool) -> list[Case]:
    def made(kind: str, n: int, d: int, **more: Any) -> Case:
        return Case(f"nuts, {kind}", kind, frame_of(*simulate(kind, n, d)), size_of(n, d), **more)  # type: ignore[arg-type]

    everyone = ("Bambi", "PyMC by hand", "NumPyro", *(() if has_rstanarm() else ("rstanarm",)))
    small = [
        made("linear", 1_000, 5, whole=_at_least(1.5), peers=everyone),
        made("logistic", 1_000, 5, whole=_at_least(1.5), peers=everyone),
    ]
    if quick:
        return small[:1]
    return [
        *small,
        made("linear", 100_000, 20, whole=_at_least(3), alone=_at_least(50), repeats=1),
        made("linear", 1_000_000, 20, alone=_at_least(1000), draws=_FEWER, repeats=1),
        made("logistic", 100_000, 20, whole=_at_least(4), peers=("Bambi", "NumPyro"), repeats=1),
        Case("nuts, logistic, repeated rows", "logistic", _repeated(100_000), "1e5 x 3", _at_least(15)),
    ]


def _at_least(bound: float) -> Target:
    return Target(bound, ">=")


def _repeated(n: int, seed: int = 3) -> pd.DataFrame:
    """Three predictors of few values: a table of 60 different rows."""
    rng = np.random.default_rng(seed)
    columns = {f"x{j}": rng.integers(0, k, size=n).astype(float) for j, k in enumerate((3, 4, 5))}
    eta = -0.5 + 0.4 * columns["x0"] - 0.3 * columns["x1"] + 0.2 * columns["x2"]
    return pd.DataFrame(columns | {"y": (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float)})


def compare(case: Case) -> tuple[list[Row], list[str]]:
    """Run all in turn; a row a peer for the whole fit, and one for the sampling alone if it has a target."""
    contenders = [Contender("bayescope", calling(ours, case))]
    contenders += [Contender(name, calling(PEERS[name], case)) for name in case.peers]
    runs = alternate(contenders, case.repeats, budget=240.0)
    own = runs.pop("bayescope")
    failures = [
        f"{case.task}, {case.size}: {each.name}: {each.error}" for each in (own, *runs.values()) if each.error
    ]
    if own.result is None:
        return [Row(case.task, case.size, agreed=False, agreement="no answer", note=own.error)], failures
    rows = []
    for name, peer in runs.items():
        if peer.result is None:
            continue
        is_target = name == "Bambi"
        if case.draws == _DRAWS:
            rows.append(_row(case, _WHOLE, own, peer, case.whole if is_target else None))
        if case.alone is not None and is_target:
            rows.append(_row(case, "sampling alone", own, peer, case.alone))
    return rows, failures


def _row(case: Case, part: str, own: Runs, peer: Runs, target: Target | None) -> Row:
    agreed, agreement = agreement_of(own.result, peer.result)
    short = f"{peer.name} ran {case.draws} + {case.draws} iterations a chain" if case.draws != _DRAWS else ""
    return Row(
        task=f"{case.task}, {part}",
        size=case.size,
        peer=peer.name,
        ours=_rates(own, part),
        peers=_rates(peer, part),
        unit="ESS/s",
        target=target,
        agreed=agreed,
        agreement=agreement,
        note=short,
    )


def _rates(runs: Runs, part: str) -> tuple[float, ...]:
    """Effective draws a second: of every run, or of the sampling of the last."""
    chains: Chains = runs.result
    whole = runs.seconds if chains.whole is None else (chains.whole,)
    seconds = whole if part == _WHOLE else (chains.sampling,)
    return tuple(chains.ess / each for each in seconds)


def agreement_of(one: Chains, other: Chains) -> tuple[bool, str]:
    """Tell whether all means are within five Monte Carlo errors, sd / sqrt(ESS), of each other."""
    z = [
        abs(one.draws[name].mean() - other.draws[name].mean())
        / np.hypot(one.draws[name].std() / np.sqrt(one.ess), other.draws[name].std() / np.sqrt(other.ess))
        for name in one.draws
        if name in other.draws
    ]
    return bool(z and max(z) < 5.0), f"{len(z)} means, largest |z| {max(z, default=np.nan):.1f}"


def ours(case: Case) -> Chains:
    """Bayescope's `nuts` with its defaults."""
    likelihood = "Normal" if case.kind == "linear" else "Bernoulli"
    priors = PRIORS | ({"sigma": f"HalfNormal({_SIGMA})"} if case.kind == "linear" else {})
    config = {
        "name": "benchmark",
        "model": {"likelihood": likelihood, "formula": "y ~ .", "priors": priors},
        "inference": ["nuts"],
        "seed": 1,
    }
    fit = answered(whole_fit(config, case.frame))
    draws = np.asarray(fit.draws)
    return Chains(
        {name: draws[:, :, j] for j, name in enumerate(fit.names)},
        float(fit.timings.get("sample", fit.timings.get("total", np.nan))),
    )


def _quietly(sample: Callable[[Case], Chains], case: Case) -> Chains:
    for name in ("pymc", "bambi", "numpyro", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sample(case)


def _bambi(case: Case) -> Chains:
    import bambi

    names = [name for name in case.frame.columns if name != "y"]
    priors = {name: bambi.Prior("Normal", mu=0, sigma=1) for name in names}
    priors["Intercept"] = bambi.Prior("Normal", mu=0, sigma=5)
    if case.kind == "linear":
        priors["sigma"] = bambi.Prior("HalfNormal", sigma=_SIGMA)
    family = "gaussian" if case.kind == "linear" else "bernoulli"
    model = bambi.Model(
        f"y ~ {' + '.join(names)}", case.frame, family=family, priors=priors, center_predictors=True
    )
    short = {} if case.draws == _DRAWS else {"draws": case.draws, "tune": case.draws}
    started = time.perf_counter()
    tree = model.fit(random_seed=1, progressbar=False, **short)
    return _chains(tree["posterior"], ["Intercept", *names, "sigma"], time.perf_counter() - started)


def _by_hand(case: Case) -> Chains:
    import pymc as pm

    X, y, names = _arrays(case.frame)
    with pm.Model():
        intercept, slopes = pm.Normal("Intercept", 0, 5), pm.Normal("slopes", 0, 1, shape=X.shape[1])
        eta = intercept + pm.Data("X", X) @ slopes
        if case.kind == "linear":
            pm.Normal("y", eta, pm.HalfNormal("sigma", _SIGMA), observed=pm.Data("y_", y))
        else:
            pm.Bernoulli("y", logit_p=eta, observed=pm.Data("y_", y))
        started = time.perf_counter()
        tree = pm.sample(random_seed=1, progressbar=False)
    took = time.perf_counter() - started
    return _split(
        _chains(tree["posterior"], ["Intercept", "sigma"], took),
        np.asarray(tree["posterior"]["slopes"]),
        names,
    )


def _numpyro(case: Case) -> Chains:
    import jax
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    numpyro.enable_x64()
    X, y, names = _arrays(case.frame)

    def model(X: Any, y: Any) -> None:
        eta = numpyro.sample("Intercept", dist.Normal(0, 5)) + X @ numpyro.sample(
            "slopes", dist.Normal(0, 1).expand([X.shape[1]])
        )
        if case.kind == "linear":
            numpyro.sample("y", dist.Normal(eta, numpyro.sample("sigma", dist.HalfNormal(_SIGMA))), obs=y)
        else:
            numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)

    sampler = MCMC(
        NUTS(model),
        num_warmup=1000,
        num_samples=1000,
        num_chains=4,
        chain_method="sequential",
        progress_bar=False,
    )
    started = time.perf_counter()
    sampler.run(jax.random.PRNGKey(1), X, y)
    found = {name: np.asarray(value) for name, value in sampler.get_samples(group_by_chain=True).items()}
    slopes = found.pop("slopes")
    return _split(Chains(found, time.perf_counter() - started), slopes, names)


def _rstanarm(case: Case) -> Chains:
    draws, took = rstanarm.sample(case.kind, case.frame)
    return Chains(draws, took, whole=took)


PEERS: Mapping[str, Callable[[Case], Chains]] = {
    "Bambi": partial(_quietly, _bambi),
    "PyMC by hand": partial(_quietly, _by_hand),
    "NumPyro": partial(_quietly, _numpyro),
    "rstanarm": partial(_quietly, _rstanarm),
}


def _arrays(frame: pd.DataFrame) -> tuple[Floats, Floats, list[str]]:
    names = [name for name in frame.columns if name != "y"]
    return frame[names].to_numpy(), frame["y"].to_numpy(), names


def _split(chains: Chains, slopes: Floats, names: Sequence[str]) -> Chains:
    return Chains({**chains.draws, **{name: slopes[..., j] for j, name in enumerate(names)}}, chains.sampling)


def _chains(posterior: Any, names: Sequence[str], took: float) -> Chains:
    draws = {name: np.asarray(posterior[name]) for name in names if name in posterior}
    return Chains(draws, float(posterior.attrs.get("sampling_time", took)))


def _flat_in_rows(largest: int) -> Row:
    """Our sampling of a linear regression at many rows over that at 1e3."""
    sizes = (1_000, largest)
    taken = []
    for n in sizes:
        case = Case("", "linear", frame_of(*simulate("linear", n, 20)), size_of(n, 20))
        ours(case)  # compiled, and cached
        taken.append(tuple(ours(case).sampling for _ in range(3)))
        del case
    return Row(
        task="nuts, linear, sampling alone, against itself at 1e3 rows",
        size=size_of(largest, 20),
        peer="bayescope at 1e3 x 20",
        ours=taken[1],
        peers=taken[0],
        target=Target(1.2),
        agreement="the same model of other data",
    )
