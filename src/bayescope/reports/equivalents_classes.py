"""The scikit-learn calls that give the same answer as a softmax regression, where there is one.

LogisticRegression has coefficients for every class: those of `reference: false`, or, where there is a
reference and no penalty, differences to it. Its intercepts have no penalty, so a call for a MAP is given
only where the formula has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from bayescope.models.prior_density import element_priors
from bayescope.reports.formatting import compact

_TOLERANCE = "tol=1e-10, max_iter=100_000"


def class_equivalents(model: Model, fits: Sequence[Fit]) -> tuple[str, ...]:
    """Name the calls with the same coefficients, one sentence each; none for other likelihoods."""
    location = model.location
    if not model.likelihood.one_design or len(location.columns) != len(location.index):
        return ()
    answered = [fit.name for fit in fits if fit.estimate is not None]
    intercept = location.columns[0].startswith("Intercept[")
    sentences = [_of_mle(model, name, intercept=intercept) for name in answered if name == "mle"]
    if not intercept and len(model.predictors) == len(model.response.levels):
        sentences += [_of_map(model, name) for name in answered if name == "map"]
    return tuple(sentence for sentence in sentences if sentence)


def _of_mle(model: Model, name: str, *, intercept: bool) -> str:
    known = {predictor.parameter for predictor in model.predictors}
    reference = next(level for level in model.response.levels if f"eta[{level}]" not in known)
    without = "" if intercept else ", fit_intercept=False"
    return (
        f"`LogisticRegression(C=np.inf, {_TOLERANCE}{without})` gives the probabilities of {name}, and its "
        f"coefficients once those of {reference} are subtracted from those of every class."
    )


def _of_map(model: Model, name: str) -> str:
    priors = {(law, *arguments.values()) for law, arguments in element_priors(model)}
    if len(priors) != 1:
        return ""
    law, *arguments = priors.pop()
    if law == "Normal" and arguments[0] == 0:
        call, meaning = f"C={compact(arguments[1] * arguments[1], 10)}", "C = tau^2"
    elif law == "Laplace" and arguments[0] == 0:
        call, meaning = f'C={compact(arguments[1], 10)}, l1_ratio=1, solver="saga"', "C = b"
    else:
        return ""
    return (
        f"`LogisticRegression({call}, {_TOLERANCE}, fit_intercept=False)` gives the coefficients of {name} "
        f"({meaning})."
    )
