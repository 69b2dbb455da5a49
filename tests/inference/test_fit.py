"""What a fit shows by itself: its estimates, or why there are none."""

import numpy as np

from bayescope.inference.fit import Fit, Outcome


def test_estimates_with_their_errors_a_line_each():
    fit = Fit(
        "map", "map", "point", ("a", "b"), estimate=np.array([1.25, -3e-7]), covariance=np.diag([4.0, np.nan])
    )
    assert repr(fit) == "map:\na = 1.25 ± 2\nb = -3e-07"


def test_of_many_unknowns_the_first():
    names = tuple(f"x{k}" for k in range(1023))
    lines = repr(Fit("mle", "mle", "point", names, estimate=np.zeros(1023))).splitlines()
    assert (len(lines), lines[1], lines[-1]) == (22, "x0 = 0", "... and 1,003 more")


def test_why_there_are_none():
    fit = Fit(
        "exact", "exact", "posterior", ("a",), Outcome("not applicable", "No closed form.", "Use nuts.")
    )
    assert repr(fit) == "exact, not applicable: No closed form. Use nuts."
