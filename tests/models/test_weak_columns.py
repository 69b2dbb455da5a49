"""The columns of unknown coefficients: what is left of a design is a design again."""

import numpy as np
import pytest

import bayescope
from bayescope.data.design import build_design
from bayescope.data.formula import parse
from bayescope.data.read import read_columns
from bayescope.errors import DataError
from bayescope.models.weak_columns import _free

COLUMNS = {
    "y": [0.0] * 6,
    "a": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "g": ["u", "v", "w", "u", "v", "w"],
    "b": [2.0, 1.0, 4.0, 3.0, 6.0, 5.0],
}


@pytest.mark.parametrize(
    "fixed", [(), ("Intercept",), ("a",), ("b",), ("g[v]", "g[w]"), ("Intercept", "a", "b")]
)
def test_what_is_not_fixed_keeps_its_columns_and_its_place_in_its_term(fixed):
    design = build_design(parse("y ~ a + g + b"), read_columns(COLUMNS))
    free = _free(design, fixed)
    assert free.labels == tuple(label for label in design.labels if label not in fixed)
    for label in free.labels:
        before, after = design.labels.index(label), free.labels.index(label)
        np.testing.assert_array_equal(free.matrix[:, after], design.matrix[:, before])
    # each term has the labels that it had, one after the other, and none is left out
    spans = {term.name: free.labels[term.start : term.stop] for term in free.terms}
    assert spans == {
        term.name: design.labels[term.start : term.stop]
        for term in design.terms
        if design.labels[term.start] not in fixed
    }
    assert sum(spans.values(), ()) == free.labels


@pytest.mark.parametrize("priors", [{}, {"coefficients": "Normal(0, 1)", "Intercept": "Normal(0, 1)"}])
def test_a_predictor_a_billion_sds_from_zero_is_refused_whatever_its_prior(priors):
    columns = {"k": [0.0, 1.0, 3.0, 2.0], "t": [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3]}
    config = {"name": "far", "data": {"columns": columns}, "inference": ["mle", "map"]}
    with pytest.raises(DataError, match=r"`t` varies too little .* write `center\(\)` around it"):
        bayescope.run({**config, "model": {"likelihood": "Poisson", "formula": "k ~ t", "priors": priors}})
    run = bayescope.run({**config, "model": {"likelihood": "Poisson", "formula": "k ~ center(t)"}})
    assert run["mle"].estimate[1] > 0.2
