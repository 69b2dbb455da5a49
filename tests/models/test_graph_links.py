"""Links of the PyMC graph: the functions of the table of links, and the log odds of a probability."""

import numpy as np
import pytensor.tensor as pt
import pytest
import scipy

from bayescope.distributions.links import LINKS
from bayescope.models.graph_links import _LOG_ODDS, inverse


@pytest.mark.parametrize("name", LINKS)
def test_the_inverse_is_that_of_the_table(name):
    eta = np.array([0.1, 0.5, 1.0, 2.5, 4.0])
    eta = eta if name in ("inverse", "precision", "variance") else np.concatenate([-eta, eta])
    found = inverse(name)(pt.as_tensor_variable(eta)).eval()
    np.testing.assert_allclose(found, LINKS[name].inverse(eta), rtol=1e-14)


@pytest.mark.parametrize("name", _LOG_ODDS)
def test_the_log_odds_are_those_of_the_probability(name):
    eta = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    expected = scipy.special.logit(LINKS[name].inverse(eta))
    np.testing.assert_allclose(
        _LOG_ODDS[name](pt.as_tensor_variable(eta)).eval(), expected, rtol=1e-13, atol=1e-15
    )
