import pytest

from bayescope.config.suggest import closest, quoted, suggest

NAMES = ("Normal", "HalfNormal", "LogNormal", "Beta")


@pytest.mark.parametrize(
    ("slip", "meant"), [("Nromal", "Normal"), ("normal", "Normal"), ("halfnormal", "HalfNormal")]
)
def test_a_slip_is_recognised(slip, meant):
    assert closest(slip, NAMES) == meant
    assert suggest(slip, NAMES) == f"; did you mean '{meant}'?"


def test_without_a_likeness_the_names_are_listed():
    assert closest("zzz", NAMES) is None
    assert suggest("zzz", NAMES, "distributions") == "; distributions: Normal, HalfNormal, LogNormal, Beta"


def test_a_long_list_is_cut():
    ending = suggest("zzz", [f"name{index}" for index in range(40)])
    assert ending.endswith("name15, ...")


def test_where_there_is_nothing_nothing_is_said():
    assert suggest("x", []) == ""


def test_what_was_written_is_repeated_up_to_40_characters_on_one_line():
    assert quoted("x" * 40) == f"'{'x' * 40}'"
    assert quoted("x" * 41) == f"'{'x' * 37}...'"
    assert quoted("a\nb") == "'a\\nb'"
    assert quoted(True) == "'True'"


def test_a_long_name_is_compared_as_a_whole():
    known = "a long name, " * 12
    assert closest(known + "slip", [known]) == known
    assert closest(known + "x" * 10_000, [known]) is None
    assert closest("x" * 1_000_000, NAMES) is None
