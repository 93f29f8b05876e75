import pytest

from netra_actors.analyst.loading import MAX_NAMES, load
from netra_actors.analyst.reading import UnreadableData

HEADER = "time,feature,model,input,output,cost"


def test_none_is_the_sample() -> None:
    loaded = load("the sample", None)
    assert (loaded.summary.rows, loaded.summary.refused) == (len(loaded.usage), 7)
    assert (loaded.summary.feature_count, loaded.summary.model_count) == (7, 5)
    assert (loaded.summary.first_day, loaded.summary.last_day) == ("2025-05-05", "2025-06-29")


def test_bytes_and_text_are_read_alike() -> None:
    text = f"{HEADER}\n2025-06-25,f,m,1,2,0.5\nbroken"
    one, other = load("x", text), load("x", text.encode())
    assert one.summary == other.summary
    assert one.summary.absent == ["user", "latency", "status"]
    assert one.summary.refusals[0].line == 3


def test_a_problem_known_before_is_raised_like_one_found_in_reading() -> None:
    with pytest.raises(UnreadableData, match="too large"):
        load("x", None, 1, "too large")


def test_a_summary_names_only_so_many() -> None:
    rows = "\n".join(f"2025-06-25,f{number},m,1,2,0.5" for number in range(99))
    summary = load("x", f"{HEADER}\n{rows}").summary
    assert (len(summary.features), summary.feature_count) == (MAX_NAMES, 99)
