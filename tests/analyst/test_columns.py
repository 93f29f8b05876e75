import pytest

from netra_actors.analyst.columns import EXAMPLE, canonical, delimiter_of, recognise


def test_the_columns_of_the_example_are_all_known() -> None:
    columns = recognise(EXAMPLE.splitlines()[0].split(","))
    assert list(columns.places.values()) == list(range(9))
    assert not columns.missing
    assert not columns.absent


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Timestamp", "time"), (" Prompt Tokens ", "input_tokens"), ("Cost (USD)", "cost"),
        ("completion-tokens", "output_tokens"), ("user_id", "user"), ("colour", None),
        ("Response Time ms", "latency"),
    ],
)  # fmt: skip
def test_other_names_of_a_column_are_known(name: str, column: str | None) -> None:
    assert canonical(name) == column


def test_what_is_missing_and_what_is_merely_absent_are_told_apart() -> None:
    columns = recognise(["time", "feature", "model", "input_tokens", "cost"])
    assert columns.missing == ("output_tokens",)
    assert columns.absent == ("user", "latency", "status")


@pytest.mark.parametrize(("name", "factor"), [("latency_s", 1000.0), ("latency_ms", 1.0)])
def test_latency_in_seconds_becomes_milliseconds(name: str, factor: float) -> None:
    assert recognise([name]).latency_to_ms == factor


def test_of_two_columns_of_a_kind_the_first_counts() -> None:
    assert recognise(["cost", "price"]).places == {"cost": 0}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_found_in_the_header(mark: str) -> None:
    assert delimiter_of(mark.join(["time", "model", "cost"])) == mark
