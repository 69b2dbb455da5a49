"""`advi`: mean-field variational inference, a Normal whose unknowns are independent; see `variational`.

It is too narrow where unknowns are correlated: its variances are those given all the others.
"""

from __future__ import annotations

from functools import partial

from bayescope.inference.method import Method
from bayescope.inference.settings import VariationalSettings
from bayescope.inference.variational import fit_variational

ADVI = Method(
    name="advi",
    summary="the nearest Normal with a diagonal covariance, in the unconstrained space",
    settings=VariationalSettings,
    fit=partial(fit_variational, "advi", full=False),
)
