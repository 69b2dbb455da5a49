"""Where the search of a logistic regression starts: at the linear discriminant function.

From slopes of 0, Newton's first step is the least squares of the outcomes, and falls short: where the
predictors are Normal within each outcome, the log odds are linear with slopes 1 / (1 - R^2) times as large.
One evaluation gives both, for g' H^-1 g = N R^2 there, g and H being gradient and Hessian. Source: Haggstrom
(1983), "Logistic Regression and Discriminant Analysis by Ordinary Least Squares", Journal of Business &
Economic Statistics 1(3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.newton import iterate_at
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.quadratic_model import model_minimum
from bayescope.models.model import Response

type Floats = NDArray[np.float64]

_MOST = 0.9  # of R^2: beyond, the outcomes are all but separated


def towards_discriminant(problem: PointProblem, start: Floats) -> Floats:
    """Return the discriminant function as a start, shape (d,), from a `start` with slopes of 0.

    A prior draws it in as it does a Newton step. It is `start` itself where that is no worse, where there are
    not two outcomes, or where the log odds are not linear.
    """
    model, objective = problem.model, problem.objective
    two = model.likelihood.separation == "outcomes" and model.location.link == "logit"
    if not two or model.location.network is not None or objective.bounded or problem.sparse or problem.plain:
        return start
    with np.errstate(all="ignore"):
        first = iterate_at(objective, start)
        target = model_minimum(objective, first, 0.0)
        if target is None:
            return start
        share = float(first.gradient @ (start - target)) / _trials(model.response)
        if not 0 < share < _MOST:
            return start
        theta = start + (target - start) / (1 - share)
        total = objective.derivatives(theta)[0] + objective.penalty(theta)
        return theta if total < first.total else start


def _trials(response: Response) -> float:
    if response.trials is None:
        return float(response.observations)
    weights = 1.0 if response.weights is None else response.weights
    return float((weights * response.trials).sum())
