"""Parts of formulas beside the terms: offsets, on the rows fitted to and on new ones."""

import json

import numpy as np

from bayescope.config.schema import ModelConfig
from bayescope.data.formula import parse
from bayescope.data.read import read_columns
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.build import build_model


def test_an_offset_is_added_to_the_predictor_of_the_rows_fitted_to_and_of_new_ones():
    formula = "y ~ x + offset(log(e))"
    spec = ModelConfig(likelihood="Poisson", formula=formula)
    model = build_model(spec, parse(formula), read_columns({"y": [1, 2, 3], "x": [1, 2, 4], "e": [1, 2, 3]}))
    np.testing.assert_allclose(model.predictors[0].offset, np.log([1, 2, 3]))
    new = read_columns({"x": [5, 6], "e": [10, 100]})
    again = rebuild(json.loads(json.dumps(blueprint(model))), new, response=False)
    np.testing.assert_allclose(again.predictors[0].offset, np.log([10, 100]))
