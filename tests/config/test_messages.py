from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bayescope.config.messages import explain, follow, shown


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    count: int = Field(default=1, ge=1, le=9)
    rate: float = Field(default=0.5, gt=0, lt=1)
    kind: Literal["a", "b"] = "a"
    names: list[str] = Field(default_factory=list, min_length=0, max_length=2)
    even: int = 2
    flag: bool = True

    @field_validator("even")
    @classmethod
    def _even(cls, value):
        if value % 2:
            raise ValueError("Must be even")
        return value


def lines(**data):
    with pytest.raises(ValidationError) as refusal:
        Section.model_validate(data)
    return [str(problem) for problem in explain(refusal.value, data, {(): Section}, ("here",))]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"count": True}, "here.count: expected a whole number, not true"),
        ({"count": 1.5}, "here.count: expected a whole number, not 1.5"),
        ({"count": "1"}, "here.count: expected a whole number, not '1'"),
        ({"count": 0}, "here.count: expected a number of at least 1, not 0"),
        ({"count": 10}, "here.count: expected a number of at most 9, not 10"),
        ({"rate": 0.0}, "here.rate: expected a number greater than 0, not 0.0"),
        ({"rate": 1}, "here.rate: expected a number less than 1, not 1"),
        ({"rate": float("nan")}, "here.rate: expected a finite number, not nan"),
        ({"rate": None}, "here.rate: expected a number, not nothing"),
        ({"kind": "c"}, "here.kind: expected 'a' or 'b', not 'c'"),
        ({"names": "a"}, "here.names: expected a list, not 'a'"),
        ({"names": ["a", 1]}, "here.names.1: expected text, not 1"),
        ({"names": ["a"] * 3}, "here.names: expected at most 2, found 3"),
        ({"flag": 1}, "here.flag: expected true or false, not 1"),
        ({"even": 3}, "here.even: must be even"),
        ({"cuont": 1}, "here.cuont: unknown key; did you mean 'count'?"),
    ],
)
def test_every_kind_of_error_is_one_plain_sentence(data, line):
    assert lines(**data) == [line]


def test_all_errors_are_told():
    assert len(lines(count=0, rate=5.0, kind="z")) == 3


def test_a_location_is_followed_as_far_as_the_data_go():
    data = {"a": [{"b": 1}], 2: "x"}
    assert follow(data, ("a", 0, "b")) == (("a", 0, "b"), 1, ())
    assert follow(data, ("2",)) == ((2,), "x", ())
    assert follow(data, ("a", 0, "int", "c")) == (("a", 0), {"b": 1}, ("int", "c"))
    assert follow(data, ("a", 5)) == (("a",), [{"b": 1}], (5,))


def test_long_values_are_cut():
    assert shown("x" * 40) == f"'{'x' * 40}'"
    assert shown("x" * 41) == f"'{'x' * 37}...'"
    assert shown(10**50) == f"1{'0' * 37}...0"
    assert shown("it's") == '"it\'s"'


class _Counted(dict):
    """A mapping that counts how often it is walked through."""

    walks = 0

    def __iter__(self):
        type(self).walks += 1
        return super().__iter__()


@pytest.mark.parametrize("part", ["a", 3, "2.5"])
def test_a_key_is_found_without_a_walk_through_its_neighbours(part):
    data = _Counted({"a": 1, 3: 1, 2.5: 1})
    path, value, rest = follow(data, (part,))
    assert (path, value, rest) == ((part,), 1, ())
    assert follow(data, ("9.5",)) == ((), data, ("9.5",))
    assert data.walks == 0
    assert follow({None: 1}, ("None",)) == (("None",), 1, ())
