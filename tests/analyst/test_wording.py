import pytest

from netra_actors.analyst import wording


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"), (1234.5, "$1,234"), (12.345, "$12.35"), (0.132, "$0.13"), (0.0068, "$0.0068"),
        (0.00703, "$0.0070"), (-3.2, "-$3.20"), (1e-12, "$0"),
    ],
)  # fmt: skip
def test_money_has_as_many_digits_as_people_need(usd: float, text: str) -> None:
    assert wording.money(usd) == text


def test_shares_and_rates() -> None:
    assert [wording.percent(ratio) for ratio in (0, 0.019, 0.577, 12.5)] == [
        "0%", "1.9%", "58%", "1,250%",
    ]  # fmt: skip
    assert wording.rate(0.986) == "98.6%"


def test_durations() -> None:
    assert [wording.duration(ms) for ms in (840, 3210)] == ["840 ms", "3.2 s"]


def test_counts_have_their_plural() -> None:
    assert wording.count(1, "call") == "1 call"
    assert wording.count(1204, "call") == "1,204 calls"
    assert wording.count(2, "row was", "rows were") == "2 rows were"


def test_lists_end_with_and() -> None:
    assert wording.listing([]) == ""
    assert wording.listing(["a"]) == "a"
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.listing(["a", "b", "c"], limit=2) == "a, b and 1 more"


def test_days_and_spans() -> None:
    day = wording.day_number("2025-06-25")
    assert wording.iso(day) == "2025-06-25"
    assert wording.day_text("2025-06-25") == "25 June 2025"
    assert wording.span(day, day) == "25 June 2025"
    assert wording.span_text("2025-06-23", "2025-06-29") == "23-29 June 2025"
    assert wording.span_text("2025-05-05", "2025-06-29") == "5 May to 29 June 2025"
    assert wording.span_text("2024-12-30", "2025-01-02") == "30 December 2024 to 2 January 2025"


def test_the_time_of_day_is_utc() -> None:
    assert wording.clock(1750857000.0) == "13:10"
