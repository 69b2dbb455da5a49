from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.cells import cell_len

import bayescope
from bayescope.diagnostics.records import Check, Verdict
from bayescope.reports.markdown import render_markdown
from bayescope.reports.summary import rows_of
from bayescope.reports.terminal import print_answers, print_verdict, render

LONG_NAMES = [f"a rather long name of column {k}" for k in range(30)]
HOSTILE_NAMES = ["[red]x[/red]", "new\nline", "\x1b[31mred", "名前", "cost_$_$x"]


def print_both(record, fits, stream):
    print_answers(record, fits, stream)
    print_verdict(record, fits, stream)


def widths(text):
    return [cell_len(line) for line in text.splitlines()]


@pytest.mark.parametrize("names", [["mom_hs", "mom_iq"], LONG_NAMES, HOSTILE_NAMES])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(workshop, names, width):
    assert max(widths(render(*workshop.run(names), width))) <= width


def test_parameters_are_rows_and_methods_are_columns(workshop):
    lines = render(*workshop.run()).splitlines()
    assert lines[2].split() == ["mle", "map", "exact", "nuts"]
    row = next(line for line in lines if line.startswith("Intercept"))
    assert row.split() == [
        "Intercept",
        "20.20",
        "±",
        "0.20",
        "19.60",
        "±",
        "0.20",
        "20.00",
        "±",
        "0.20",
        "20.02",
        "±",
        "0.20",
    ]


def test_an_exact_zero_is_told_from_a_small_number(workshop):
    row = next(line for line in render(*workshop.run()).splitlines() if line.startswith("mom_hs"))
    assert row.split()[4] == "0"


def test_verdict_failed_checks_and_missing_answers_are_said(workshop):
    text = " ".join(render(*workshop.run()).split())
    assert "FAIL One of 2 checks failed" in text
    assert "map, distance from the mean of sigma 1.6 (threshold 1): The mode is 1.6 sd" in text
    assert "Report the posterior, not its mode." in text
    assert "grid, not applicable: A grid has at most 3 axes. Use exact or nuts." in text


def test_a_check_that_repeats_an_outcome_is_not_said_twice(workshop):
    record, fits = workshop.run()
    message = fits[-1].outcome.message
    check = Check(method="grid", name="answer", verdict="note", value=None, threshold=None, message=message)
    text = " ".join(render(record.model_copy(update={"checks": (check,)}), fits).split())
    assert text.count(message) == 1


def test_user_text_is_no_markup_and_no_control_sequence(workshop):
    text = render(*workshop.run(HOSTILE_NAMES), colour=True)
    assert "[red]x[/red]" in text
    assert "\x1b[31mred" not in text
    assert "new␤line" in text


def test_a_run_without_answers_still_has_its_verdict(workshop):
    record, fits = workshop.run()
    verdict = Verdict(status="fail", sentence="No method gave an answer.")
    assert "FAIL  No method gave an answer." in render(
        record.model_copy(update={"verdict": verdict}), fits[-1:]
    )


def test_the_path_is_on_one_line(workshop, tmp_path):
    folder = tmp_path / ("x" * 120)
    assert f"report: {folder / 'report.html'}\n" in render(*workshop.run(), folder=folder)


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self):
        return True

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(workshop, monkeypatch, no_color, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("COLUMNS", "100")
    with Terminal() as stream:
        print_both(*workshop.run(), stream)
        assert ("\x1b[" in stream.text) == coloured


def test_a_pipe_gets_plain_text(workshop):
    stream = io.StringIO()
    print_both(*workshop.run(), stream)
    assert "\x1b[" not in stream.getvalue()


def test_an_ascii_stream_is_written_to_without_an_error(workshop, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with Terminal("ascii") as stream:
        print_both(*workshop.run(HOSTILE_NAMES), stream)
        assert "20.20 +/- 0.20" in stream.text


def test_printing_needs_no_heavy_library():
    code = "import sys, bayescope.reports.terminal; print([m for m in ('matplotlib', 'jinja2', 'pymc', 'arviz', 'pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("sprouted / seeds ~ seed * extract", "sprouted / seeds ~ seed * extract"),
        ("sprouted / seeds ~ seed * extract + (1 | plate)", "sprouted / seeds ~ 2 predictors + (1 | plate)"),
        (
            "sprouted / seeds ~ log(seed) * extract + (log(seed) | plate)",
            "sprouted / seeds ~ 2 predictors + (log(seed) | plate)",
        ),
    ],
)
def test_a_long_formula_keeps_its_left_side_and_its_groups(workshop, formula, shown):
    record, fits = workshop.run()
    model = record.model.model_copy(update={"formula": formula, "blueprint": {"formula": formula}})
    heading = " ".join(render(record.model_copy(update={"model": model}), fits, 120).splitlines()[0].split())
    assert f"· {shown} ·" in heading


def test_the_groups_of_another_parameter_are_not_those_of_the_location(workshop):
    record, fits = workshop.run()
    formula = "score ~ iq + hs + age + work"
    update = {"formula": f"{formula}, sigma ~ iq + (1 | school)", "blueprint": {"formula": formula}}
    model = record.model.model_copy(update=update)
    assert "· score ~ 2 predictors ·" in render(record.model_copy(update={"model": model}), fits, 120)


@pytest.mark.parametrize(
    ("weights", "size"),
    [
        ([0.1, 0.1, 0.1, 0.1], "4 rows whose weights sum to 0.4"),
        ([0.5, 0.5, 0.5, 0.5], "4 rows whose weights sum to 2"),
        ([1, 2, 1, 1], "5 observations"),
    ],
)
def test_weights_that_are_no_counts_are_added_up_and_not_rounded(weights, size):
    columns = {"y": [1, 2, 4, 3], "w": weights}
    model = {"likelihood": "Normal", "response": "y", "weights": "w", "priors": {"sigma": 1}}
    run = bayescope.run({"name": "t", "data": {"columns": columns}, "model": model, "inference": ["mle"]})
    assert render(run.record, run.fits).splitlines()[0].endswith(f" · {size}")
    assert f"; {size}; seed" in render_markdown(run.record, run.fits, {})
    assert ("observations" in rows_of(run.record.data)) == ("observations" in size)
