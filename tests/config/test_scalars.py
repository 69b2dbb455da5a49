import pytest

from bayescope.config.scalars import plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False),
        ("7", 7), ("-7", -7), ("+7", 7), ("012", 12), ("0o17", 15), ("0xff", 255),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-2.5E-1", -0.25),
        ("9223372036854775807", 2**63 - 1),
    ],
)  # fmt: skip
def test_the_core_schema(text, value):
    result = plain_scalar(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "text", ["on", "yes", "no", "nan", "inf", "1_000", "2020-01-01", "12:30", "0b1", "1e", "."]
)
def test_everything_else_is_text(text):
    assert plain_scalar(text) == text


@pytest.mark.parametrize(
    "text", [".nan", ".NaN", ".inf", "-.Inf", "+.INF", "1e999", "9223372036854775808", "1" * 5000]
)
def test_what_no_finite_number_holds_is_refused(text):
    with pytest.raises(ValueError, match=r"not supported|too large"):
        plain_scalar(text)
