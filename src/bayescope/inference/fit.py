"""`Fit`: the one frozen answer that every method returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.errors import BayescopeError

if TYPE_CHECKING:
    import xarray as xr

    from bayescope.inference.marginal_base import StoredMarginal
    from bayescope.inference.predictive import Predictive
    from bayescope.inference.predictive_vectors import VectorPredictive
    from bayescope.inference.statements import Probability

type Floats = NDArray[np.float64]
type Status = Literal["ok", "flagged", "not applicable", "failed"]

_SHOWN = 20  # unknowns that `repr` writes out
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Marginal(Protocol):
    """The posterior of one scalar parameter. `x` and `q` are arrays of any shape."""

    @property
    def mean(self) -> float:
        """Posterior mean; nan or inf where it does not exist."""

    @property
    def sd(self) -> float:
        """Posterior standard deviation; inf where it does not exist."""

    @property
    def mode(self) -> float:
        """Where the density is highest; nan where that is no single point."""

    def pdf(self, x: Floats) -> Floats:
        """Density at `x`."""

    def log_pdf(self, x: Floats) -> Floats:
        """Log density at `x`, also where the density underflows."""

    def cdf(self, x: Floats) -> Floats:
        """Probability of at most `x`."""

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf` for probabilities `q` in [0, 1]."""


@dataclass(frozen=True)
class Outcome:
    """How a method ended: `flagged` is an answer with a warning; the last two are no answer."""

    status: Status = "ok"
    message: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Fit:
    """The answer of one method to one model; all vectors follow `names`.

    Attributes:
        name: the recipe as the user named it (`nuts-long`); unique within a run.
        method: the method behind it (`nuts`).
        kind: "point" (mle, map) or "posterior" (exact, nuts).
        names: labels of the unknowns, in the order of the model.
        estimate: the point of a point method, else the posterior mean; shape (d,). None: no answer.
        covariance: shape (d, d); of the Wald approximation (mle, map) or of the posterior.
        standard_errors: shape (d,), where there are too many unknowns to keep a covariance.
        marginals: the posterior of each unknown by name, for posterior methods.
        draws: posterior draws, shape (chain, draw, d).
        tree: the ArviZ DataTree of a sampler (posterior, sample_stats), when there is one.
        log_evidence: log p(y), nats; None where undefined (flat priors) or unknown.
        settings: the recipe's settings as plain data.
        timings: seconds by phase; always has "total" once a method was run.
        details: what else the method has to say (`kkt_residual`, `iterations`, `boundary`, ...), JSON-able.
        blueprint: the model without its rows (`bayescope.models.blueprint`), to predict new ones by.
        recalled: whether it was read from the cache (`bayescope.cache`); not stored with it.
    """

    name: str
    method: str
    kind: Literal["point", "posterior"]
    names: tuple[str, ...]
    outcome: Outcome = Outcome()
    estimate: Floats | None = None
    covariance: Floats | None = None
    standard_errors: Floats | None = None
    marginals: Mapping[str, Marginal] | None = None
    draws: Floats | None = None
    tree: xr.DataTree | None = None
    log_evidence: float | None = None
    settings: Mapping[str, Any] = field(default=_EMPTY)
    timings: Mapping[str, float] = field(default=_EMPTY)
    details: Mapping[str, Any] = field(default=_EMPTY)
    blueprint: Mapping[str, Any] = field(default=_EMPTY)
    recalled: bool = False

    def __repr__(self) -> str:
        """Write the estimates with their errors, one a line, or why there are none."""
        if self.estimate is None:
            return (
                f"{self.name}, {self.outcome.status}: {self.outcome.message} {self.outcome.advice}".rstrip()
            )
        errors = np.full(len(self.names), np.nan) if self.sd is None else self.sd
        shown = [
            f"{name} = {value:.4g}" + (f" ± {error:.2g}" if np.isfinite(error) else "")
            for name, value, error in zip(self.names, self.estimate, errors, strict=True)
        ]
        more = [f"... and {len(shown) - _SHOWN:,} more"] if len(shown) > _SHOWN else []
        return "\n".join([f"{self.name}:", *shown[:_SHOWN], *more])

    @property
    def posterior(self) -> Mapping[str, StoredMarginal]:
        """The posterior of each unknown by name: pdf, cdf, ppf, mean, sd, mode, interval, entropy, sample.

        Raises:
            BayescopeError: the method has no posterior.
        """
        if self.marginals is None:
            raise BayescopeError(f"{self.name} has no posterior; ask exact, grid or nuts")
        return cast("Mapping[str, StoredMarginal]", self.marginals)

    def probability(self, statement: str) -> Probability:
        """Compute the posterior probability of a statement such as "p > 0.5" or "a > 0 and b > 0".

        Raises:
            StatementError: the text is no statement about the parameters of this fit.
            BayescopeError: the method has no posterior.
        """
        from bayescope.inference.statements import probability

        return probability(self, statement)

    def predictive(
        self, new_data: Any = None, *, trials: ArrayLike | None = None
    ) -> Predictive | VectorPredictive:
        """Return the distribution of new responses, the parameters averaged over the posterior.

        It is in closed form for `exact` (over sigma by its quadrature), an average over the draws for
        the other posteriors, and what the point plugs in for mle and map.

        Args:
            new_data: the predictors of n new rows: a DataFrame, a mapping of columns, the path of a
                file, or a `data:` section. Needed by a model with predictors only; else one new
                observation is predicted.
            trials: of a Binomial without predictors, or a Multinomial, a number or shape (n,), in
                place of new data.

        Raises:
            DataError: the new rows do not fit the model; all findings are listed.
            BayescopeError: the method has no answer, or the model needs new data or trials.
        """
        from bayescope.inference.predictive_fit import predictive

        return predictive(self, new_data, trials=trials)

    @property
    def answered(self) -> bool:
        """Whether there is an answer to show."""
        return self.estimate is not None

    @property
    def sd(self) -> Floats | None:
        """Standard error or posterior sd of each unknown, shape (d,); nan where undefined."""
        if self.covariance is None:
            return self.standard_errors
        variances = np.diag(self.covariance)
        return np.sqrt(np.where(variances >= 0, variances, np.nan))
