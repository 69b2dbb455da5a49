"""What was meant by a likelihood that is not in the table: a model, or a usual name of a likelihood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from bayescope import library
from bayescope.config.suggest import suggest
from bayescope.distributions.likelihoods import LIKELIHOODS

_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "binary": "Bernoulli",
        "counts": "Poisson",
        "cumulative": "OrderedLogistic",
        "doubleexponential": "Laplace",
        "expon": "Exponential",
        "gauss": "Normal",
        "gaussian": "Normal",
        "logit": "Bernoulli",
        "multivariatenormal": "MvNormal",
        "mvn": "MvNormal",
        "nb": "NegativeBinomial",
        "nbinom": "NegativeBinomial",
        "negbin": "NegativeBinomial",
        "norm": "Normal",
        "ordered": "OrderedLogistic",
        "student": "StudentT",
        "t": "StudentT",
        "zip": "ZeroInflatedPoisson",
    }
)


def meant_by(name: str) -> str:
    """Return the ending of a message about an unknown likelihood.

    >>> meant_by("gaussian"), meant_by("logistic")
    ("; did you mean 'Normal'?", '; `logistic` is a model: write `use: logistic`')
    """
    folded = _folded(name)
    if known := {**_OTHER_NAMES, **{_folded(each): each for each in LIKELIHOODS}}.get(folded):
        return f"; did you mean '{known}'?"
    if model := {_folded(each): each for each in library.models()}.get(folded):
        return f"; `{model}` is a model: write `use: {model}`"
    return suggest(name, LIKELIHOODS, "known")


def _folded(name: str) -> str:
    """Leave out what the spellings of a name differ in: capitals, spaces, dashes."""
    return re.sub(r"[\s_-]", "", name).casefold()
