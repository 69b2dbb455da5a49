"""The report says in words and numbers how the Jacobian moves the mode of `laplace`."""

import bayescope
from bayescope.reports.markdown import render_markdown
from bayescope.reports.mode_shift import mode_shifts


def run_of(model, columns, methods=("map", "laplace")):
    return bayescope.run(
        {"name": "run", "data": {"columns": columns}, "model": model, "inference": list(methods)}
    )


def test_the_mode_of_a_coin_moves_to_that_of_its_logit():
    # Beta(8, 6): the mode of p is 7 / 12, that of logit p is 8 / 14
    run = run_of({"use": "coin", "response": "y", "priors": {"p": "Beta(2, 2)"}}, {"y": [1] * 6 + [0] * 4})
    (sentence,) = mode_shifts(run.fits)
    shift = (8 / 14 - 7 / 12) / run["laplace"].posterior["p"].sd
    assert f"p (logit scale) 0.5714, not 0.5833 ({shift:.3f} sds)" in sentence
    assert "with the Jacobian the mode, mapped back, is not that of map" in render_markdown(
        run.record, run.fits, {}
    )


def test_without_a_jacobian_the_modes_are_one():
    run = run_of(
        {"use": "logistic", "formula": "y ~ x"}, {"y": [0, 0, 1, 0, 1], "x": [1.0, 2.0, 3.0, 4.0, 5.0]}
    )
    (sentence,) = mode_shifts(run.fits)
    assert "its mode is that of map" in sentence


def test_other_methods_have_no_such_sentence():
    run = run_of({"use": "coin", "response": "y"}, {"y": [1, 1, 0]}, ["map", "exact"])
    assert mode_shifts(run.fits) == []
