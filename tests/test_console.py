"""What the commands have in common."""

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
    tell("")
    tell("map")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "chain 1 0/2500",
        "chain 1 1000/2500",
        "chain 1 2000/2500",
        "chain 1 2500/2500 (1 divergent)",
        "map",
    ]
