"""run.json is JSON, and is read back, whatever its numbers are: nan and inf are texts, at any depth."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from pydantic import BaseModel

import bayescope
from bayescope.diagnostics.curve import Curve, CurveView
from bayescope.reports.record import RunRecord, Step


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
    assert [part for part in found if part.model_config.get("ser_json_inf_nan") != "strings"] == []


def test_a_mean_that_does_not_exist_comes_back():
    view = CurveView(
        predictor="x", response="y", places=(0.0, 1.0), curves=(Curve(method="nuts", mean=(math.nan, math.inf)),),
        band="", x=(), y=(),
    )  # fmt: skip
    again = CurveView.model_validate_json(view.model_dump_json())
    assert math.isnan(again.curves[0].mean[0])
    assert again.curves[0].mean[1] == math.inf


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_an_infinite_penalty_is_json_and_comes_back(tmp_path):
    model = {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": "Beta(2, 2)"}}
    data = {"columns": {"flip": [1, 1, 1]}}
    run = bayescope.run(
        {"name": "ones", "data": data, "model": model, "inference": ["mle", "map"]}, out=tmp_path
    )
    found = json.loads((run.folder / "run.json").read_text(), parse_constant=refuse)
    assert found["loss"]["totals"]["mle"]["penalty"] == "Infinity"
    assert bayescope.load(run.folder).record.loss.totals["mle"]["penalty"] == math.inf


def test_numbers_of_plain_data_come_back_beside_their_names():
    plain = {"columns": {"y": [1.0, math.inf, -math.inf], "level": ["nan", "inf", "Infinity"]}}
    record = Step(source="", rows=1, observations=1, total=1, fingerprint="", data=plain)
    text = record.model_dump_json()
    json.loads(text, parse_constant=refuse)
    assert Step.model_validate_json(text).data == plain


@pytest.mark.parametrize(
    "plain", [{"float": "1.5"}, {"float": "nan", "more": 1}, {"a": ["inf", {"b": "nan"}]}]
)
def test_no_text_is_taken_for_a_number(plain):
    record = Step(source="", rows=1, observations=1, total=1, fingerprint="", data=plain)
    assert Step.model_validate_json(record.model_dump_json()).data == plain
