"""What the data say of the model itself: everything that is asked of the reference posterior, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.checks import check_predictive
from bayescope.diagnostics.event_calibration import (
    EventCalibration,
    check_calibration,
    event_calibration,
)
from bayescope.diagnostics.loo import Loo, loo
from bayescope.diagnostics.loo_checks import check_loo
from bayescope.diagnostics.pit import Pit, check_pit, loo_pit
from bayescope.diagnostics.predictive import kind_of, posterior_predictive_check
from bayescope.diagnostics.records import Check, PredictiveCheck
from bayescope.diagnostics.sensitivity import Sensitivity, check_sensitivity, sensitivities
from bayescope.inference.fit import Fit
from bayescope.models.model import Model

_WITH_PIT = ("amounts", "counts")  # of two or three categories the transform says little


@dataclass(frozen=True)
class ModelChecking:
    """The model against the data, by the posterior of one method; None where there is nothing to say."""

    predictive: PredictiveCheck | None = None
    loo: Loo | None = None
    sensitivity: tuple[Sensitivity, ...] = ()
    pit: Pit | None = None
    calibration: EventCalibration | None = None
    checks: tuple[Check, ...] = ()


def check_model(
    model: Model,
    reference: Fit,
    seed: int,
    row_numbers: NDArray[np.int64] | None = None,
    *,
    whole: Model | None = None,
) -> ModelChecking:
    """Check a model with its rows against the data, by the draws of `reference`.

    Where the rows are a sample, `whole` has the likelihood of all of them.
    """
    predictive = posterior_predictive_check(model, reference, seed)
    left_out = loo(model, reference, row_numbers)
    scaled = sensitivities(whole or model, reference)
    kind = kind_of(model)
    pit = loo_pit(model, reference, seed) if kind in _WITH_PIT else None
    calibrated = event_calibration(model, left_out, seed) if kind == "binary" else None
    checks = (
        *check_predictive(predictive),
        *check_pit(pit),
        *check_calibration(calibrated),
        *check_loo(left_out, model),
        *check_sensitivity(reference.name, scaled),
    )
    return ModelChecking(predictive, left_out, scaled, pit, calibrated, checks)
