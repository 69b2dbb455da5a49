"""A run folder is read back whatever its numbers are: nan and inf are written as such, at any depth."""

from __future__ import annotations

import math
from typing import get_args

from pydantic import BaseModel

from bayescope.diagnostics.curve import Curve, CurveView
from bayescope.reports.record import RunRecord


def parts(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from parts(field.annotation)
    for argument in get_args(annotation):
        yield from parts(argument)


def test_every_part_of_a_record_writes_numbers_that_are_not_finite():
    found = set(parts(RunRecord))
    assert CurveView in found
    assert [part for part in found if part.model_config.get("ser_json_inf_nan") != "constants"] == []


def test_a_mean_that_does_not_exist_comes_back():
    view = CurveView(
        predictor="x", response="y", places=(0.0, 1.0), curves=(Curve(method="nuts", mean=(math.nan, math.inf)),),
        band="", x=(), y=(),
    )  # fmt: skip
    again = CurveView.model_validate_json(view.model_dump_json())
    assert math.isnan(again.curves[0].mean[0])
    assert again.curves[0].mean[1] == math.inf
