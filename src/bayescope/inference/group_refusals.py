"""Models with coefficients that differ between groups, and the methods that have no answer for them."""

from __future__ import annotations

from bayescope.errors import NotApplicable
from bayescope.models.groups import free_spreads
from bayescope.models.model import Model


def refuse_group_mle(model: Model) -> None:
    """Refuse the maximum likelihood of the effects of groups. Raises NotApplicable.

    They are distinguished from the other coefficients by their distribution alone, which is no part of the
    likelihood: with an intercept in the model, the data cannot tell them from it.
    """
    if model.groups:
        names = ", ".join(group.name for group in model.groups)
        raise NotApplicable(
            f"the effects of {names} have no maximum likelihood estimate: only their distribution, "
            "Normal(0, sd), tells them from the other coefficients.",
            "Make the groups a predictor, for no pooling.",
            nuts="",
            map="",
            exact="",
        )


def refuse_free_spread(model: Model, what: str) -> None:
    """Refuse the mode of a joint density of effects and their unknown sd. Raises NotApplicable.

    With all effects at 0 the density of g of them grows like sd^-g as sd -> 0, whatever the data are, and
    with correlations it grows without bound where these tend to 1 or -1 (Gelman et al., Bayesian Data
    Analysis, 3rd ed., section 13.3).
    """
    names = free_spreads(model)
    if not names:
        return
    spreads = {sd for group in model.groups for sd in group.sds}
    unbounded = names[0] in spreads
    where = f"{names[0]} -> {0 if unbounded else 1}"
    fixed = f"Fix {names[0]} at a number ({names[0]}: 0.5)."
    raise NotApplicable(
        f"{what} does not exist: the density of the effects of groups and of {', '.join(names)} together has "
        f"no maximum; it grows without bound as {where}, with the effects at 0.",
        fixed if unbounded else "Write `||` in place of `|` in the formula, for independent effects.",
        nuts="to average over them",
    )
