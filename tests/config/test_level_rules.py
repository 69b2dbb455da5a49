"""Which models take `levels` and `reference`."""

import pytest

from bayescope.config.level_rules import level_rules
from bayescope.distributions.likelihoods import parametrised


def wrong(likelihood, **model):
    return [".".join(problem.path) for problem in level_rules(model, parametrised(likelihood, formula=True))]


@pytest.mark.parametrize(
    ("likelihood", "what", "expected"),
    [
        ("Categorical", {"formula": "y ~ x"}, []),
        ("Categorical", {"response": "y"}, ["model.levels", "model.reference"]),
        ("OrderedLogistic", {"formula": "y ~ x"}, ["model.reference"]),
        ("OrderedProbit", {"formula": "y ~ x"}, ["model.reference"]),
        ("OrderedLogistic", {"response": "y"}, ["model.response"]),
        ("Normal", {"formula": "y ~ x"}, ["model.levels", "model.reference"]),
        ("Bernoulli", {"response": "y"}, ["model.levels", "model.reference"]),
    ],
)
def test_levels_go_with_formulas_of_levels_and_a_reference_with_classes(likelihood, what, expected):
    assert wrong(likelihood, levels=["a", "b"], reference="a", **what) == expected
    if "model.response" not in expected:
        assert wrong(likelihood, **what) == []
    assert wrong(likelihood, reference=False, **what) == [path for path in expected if path != "model.levels"]
