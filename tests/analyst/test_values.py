import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst import values
from netra_actors.analyst.values import BadValue

NOON = 1750852800.0


@pytest.mark.parametrize(
    "text",
    [
        "2025-06-25T12:00:00Z", "2025-06-25T12:00:00", "2025-06-25 12:00", "2025/06/25 12:00",
        "2025-06-25T14:00:00+02:00", "1750852800", "1750852800.0", "1750852800000",
        "1750852800000000", "1750852800000000000", "20250625T120000Z",
    ],
)  # fmt: skip
def test_an_instant_is_read_from_every_usual_notation(text: str) -> None:
    assert values.instant(text) == NOON


def test_eight_digits_are_a_date_not_seconds() -> None:
    assert values.instant("20250625") == NOON - 12 * 3600


@pytest.mark.parametrize(
    "text", ["", "soon", "25.06.2025", "1999-12-31", "2100-01-01", "1e30", "nan"]
)
def test_what_is_no_instant_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadValue, match="time"):
        values.instant(text)


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [
        ("0.5", False, 0.5), ("$1,234.50", False, 1234.5), ("1 234", False, 1234),
        ("0,5", True, 0.5), ("1.234,5", True, 1234.5), ("1.234,5", False, 1234.5),
        ("3 USD", False, 3), ("1e-3", False, 0.001),
    ],
)  # fmt: skip
def test_an_amount_is_read_with_marks_and_signs(text: str, comma: bool, value: float) -> None:
    assert values.number(text, "cost", 1e6, decimal_comma=comma) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "-1", "-$1", "nan", "inf", "1e300", "free", "1,2,3x"])
def test_an_amount_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="cost"):
        values.number(text, "cost", 1e6)


@given(st.text(max_size=30))
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (values.instant, lambda cell: values.tokens(cell, "input_tokens")):
        try:
            assert parse(text) >= 0
        except BadValue as bad:
            assert len(str(bad)) < 200  # noqa: PT017  the reason is what is asserted


def test_half_a_token_is_refused() -> None:
    with pytest.raises(BadValue, match="whole number"):
        values.tokens("1.5", "input_tokens")


def test_a_name_is_needed_and_bounded() -> None:
    with pytest.raises(BadValue, match="model is missing"):
        values.name("", "model")
    with pytest.raises(BadValue, match="longer"):
        values.name("x" * 201, "model")


@pytest.mark.parametrize("status", ["", "success", "OK", "200", "204", "302", "Completed"])
def test_success_has_many_names(status: str) -> None:
    assert values.succeeded(status)


@pytest.mark.parametrize("status", ["error", "timeout", "429", "500", "0", "failed"])
def test_everything_else_is_a_failure(status: str) -> None:
    assert not values.succeeded(status)


def test_a_wrong_value_is_shown_cut() -> None:
    assert values.shown("y" * 99) == f"'{'y' * 40}...'"
