"""The picture of a calibration: its type is of one size, however many unknowns there are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bayescope.diagnostics.calibration import calibrate
from bayescope.reports.figures_sbc import sbc_figure


@pytest.mark.parametrize("unknowns", [1, 2, 5])
def test_the_picture_is_as_wide_as_the_page_for_any_number_of_unknowns(unknowns):
    pit = (np.arange(20) + 0.5) / 20
    found = sbc_figure([calibrate("exact", f"b{k}", pit) for k in range(unknowns)], "exact")
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', found.svg)
    assert width is not None
    assert float(width.group(1)) == pytest.approx(10.4 * 72)
