"""`fullrank`: variational inference by a Normal with a full covariance; see `variational`."""

from __future__ import annotations

from functools import partial

from bayescope.inference.method import Method
from bayescope.inference.settings import VariationalSettings
from bayescope.inference.variational import fit_variational

FULLRANK = Method(
    name="fullrank",
    summary="the nearest Normal, in the unconstrained space",
    settings=VariationalSettings,
    fit=partial(fit_variational, "fullrank", full=True),
)
