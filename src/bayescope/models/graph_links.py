"""Links in the PyMC graph: from linear predictors to the arguments of the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bayescope.models.model import Predictor


def head_argument(predictor: Predictor, eta: Any) -> dict[str, Any]:
    """Return the argument of the head that a linear predictor gives: a probability by its log odds."""
    if predictor.parameter == "p" and predictor.link in _LOG_ODDS:
        return {"logit_p": _LOG_ODDS[predictor.link](eta)}
    return {predictor.parameter: inverse(predictor.link)(eta)}


# PyMC's own probit takes the root of 2 in single precision
_ROOT_TWO = np.asarray(2.0**0.5)


def _probit(eta: Any) -> Any:
    import pymc as pm

    return 0.5 * pm.math.erfc(-eta / _ROOT_TWO)


def _probit_log_odds(eta: Any) -> Any:
    return _log_probit(eta) - _log_probit(-eta)


def _log_probit(eta: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    tail = pm.math.log(0.5 * pt.erfcx(-eta / _ROOT_TWO)) - 0.5 * eta**2
    return pm.math.switch(eta < -1.0, tail, pm.math.log1p(-_probit(-eta)))


def _cloglog_log_odds(eta: Any) -> Any:
    import pymc as pm

    # p = 1 - exp(-mu) and 1 - p = exp(-mu), mu = exp(eta)
    mu = pm.math.exp(eta)
    return pm.math.log1mexp(-mu) + mu


# log(p / (1 - p)) keeps its digits where p rounds to 0 or 1
_LOG_ODDS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"logit": lambda eta: eta, "probit": _probit_log_odds, "cloglog": _cloglog_log_odds}
)


def inverse(link: str) -> Callable[[Any], Any]:
    """Return the inverse of a link as a function of a tensor."""
    import pymc as pm

    inverses: Mapping[str, Callable[[Any], Any]] = {
        "identity": lambda x: x,
        "log": pm.math.exp,
        "logit": pm.math.sigmoid,
        "probit": _probit,
        "cloglog": lambda x: -pm.math.expm1(-pm.math.exp(x)),
        "inverse": lambda x: 1.0 / x,
        "precision": lambda tau: tau**-0.5,
        "variance": pm.math.sqrt,
    }
    return inverses[link]
