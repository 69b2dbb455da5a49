import pytest

from bayescope.config.matrices import is_matrix, parse_matrix
from bayescope.errors import ConfigError


@pytest.mark.parametrize("written", [[[4]], ((4, 1), (1, 9)), [[1, 2], [3]], [[]]])
def test_a_list_of_lists_is_a_matrix(written):
    assert is_matrix(written)


@pytest.mark.parametrize("written", [[], (), 4, "[[4]]", [4], [[4], 1], {"a": [[4]]}, None])
def test_nothing_else_is(written):
    assert not is_matrix(written)


def test_a_variance_alone_is_a_matrix_of_one_row():
    assert parse_matrix([[4]]) == ((4.0,),)


def test_what_is_no_number_is_named_by_its_place():
    with pytest.raises(ConfigError) as refusal:
        parse_matrix([[1, "a"], [True, float("nan")]])
    assert [problem.message for problem in refusal.value.problems] == [
        "row 1, column 2 must be a number, not 'a'",
        "row 2, column 1 must be a number, not true",
        "row 2, column 2 must be a number, not nan",
    ]
