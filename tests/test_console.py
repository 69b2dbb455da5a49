"""What the commands have in common."""

import io
import json
import sys

import pytest

from bayescope import console


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_every_new_line_of_progress_but_few_that_differ_in_numbers_only(clock, capsys):
    tell = console.line_by_line()
    for second in range(25):
        clock[0] = float(second)
        tell(f"chain 1 {100 * second}/2500")
    tell("chain 1 2500/2500 (1 divergent)")
    tell("map")
    tell("1 of 3")
    tell("2 of 3")
    tell("3 of 3")
    tell("")
    tell("")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "chain 1 0/2500",
        "chain 1 1000/2500",
        "chain 1 2000/2500",
        "chain 1 2500/2500 (1 divergent)",
        "map",
        "1 of 3",
        "3 of 3",
    ]


def test_what_stdout_cannot_write_has_something_in_its_place(monkeypatch, tmp_path):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    console.say("2.0 ± 0.1 é")
    (tmp_path / "run.json").write_text('{"name": "é"}', encoding="utf-8")
    console.say(console.json_of(tmp_path / "run.json"))
    stdout.flush()
    text, escaped = stdout.buffer.getvalue().decode("ascii").splitlines()
    assert text == "2.0 +/- 0.1 ?"
    assert json.loads(escaped) == {"name": "é"}
