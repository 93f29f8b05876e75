import codecs
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.analyst.reading import MAX_FILE_BYTES, UnreadableData, decode, read

HEADER = "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status"
ROW = "2025-06-25T12:00:00Z,u,f,m,10,20,300,0.5,success"


def test_csv_is_read_with_any_line_end_and_a_mark_in_front() -> None:
    for end in ("\n", "\r\n", "\r"):
        reading = read("\ufeff" + end.join([HEADER, ROW, ROW, ""]))
        assert (len(reading.usage), reading.refused, reading.format) == (2, 0, "CSV")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_delimiters_bring_a_decimal_comma(mark: str) -> None:
    row = ROW.replace("0.5", "0|5").replace(",", mark).replace("0|5", "0,5")
    assert read(f"{HEADER.replace(',', mark)}\n{row}").usage.costs == [0.5]


def test_rows_with_another_delimiter_are_refused_by_line() -> None:
    reading = read("\n".join([HEADER, ROW, ROW.replace(",", ";"), ROW]))
    assert (len(reading.usage), reading.refused) == (2, 1)
    assert reading.refusals[0].line == 3


def test_an_unclosed_quote_costs_its_own_line() -> None:
    reading = read("\n".join([HEADER, ROW.replace("u,f", 'u,"f'), ROW]))
    assert (len(reading.usage), reading.refusals[0].line) == (1, 2)


def test_quoted_cells_may_hold_the_delimiter() -> None:
    row = ROW.replace(",f,", ',"f, g",')
    assert read(f"{HEADER}\n{row}").usage.features == ["f, g"]


def test_lines_are_counted_from_where_the_text_began() -> None:
    assert read(f"{HEADER}\nbroken\n{ROW}", first_line=10).refusals[0].line == 11


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    reading = read(f"\n\n{HEADER}\n\n{ROW}\nbroken\n\n")
    assert (reading.refused, reading.refusals[0].line) == (1, 6)


def test_json_lines_are_read_with_numbers_or_texts() -> None:
    text = (
        '{"timestamp": 1750852800, "feature": "f", "model": "m", "prompt_tokens": 1,'
        ' "completion_tokens": 2, "cost": 0.5}\n'
        "nonsense\n"
        '{"cost": "0.25", "timestamp": "2025-06-25", "feature": "f", "model": "m",'
        ' "prompt_tokens": "3", "completion_tokens": null}\n'
        '{"cost": "0.25", "timestamp": "2025-06-25", "feature": "f", "model": "m",'
        ' "prompt_tokens": "3", "completion_tokens": 4, "more": [1]}'
    )
    reading = read(text)
    assert reading.format == "JSON lines"
    assert reading.usage.costs == [0.25, 0.5]
    assert [each.line for each in reading.refusals] == [2, 3]
    assert reading.absent == ("user", "latency", "status")
    assert not reading.usage.has_status


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"), (" \n \n", "empty"), (HEADER, "no rows"),
        (f"{HEADER}\nbad", "every row"), ("[1, 2]", "JSON lines"), ("{nope}", "JSON object"),
        ("a,b,c\n1,2,3", "no header"), ('time,"model', "not CSV"),
        ("time,model\n1,2", "missing: feature"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableData, match=why):
        read(text)


def test_when_every_row_is_refused_the_first_are_told() -> None:
    with pytest.raises(UnreadableData) as caught:
        read(f"{HEADER}\n{ROW.replace('0.5', '-1')}")
    assert caught.value.refusals[0].line == 2
    assert "negative" in caught.value.refusals[0].reason


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for body in (text, f"{HEADER}\n{text}", f'{{"time": 1}}\n{text}'):
        try:
            assert len(read(body).usage)
        except UnreadableData:
            continue


@given(st.binary(max_size=300))
def test_no_file_breaks_the_decoder(data: bytes) -> None:
    try:
        assert isinstance(decode(data), str)
    except UnreadableData:
        return


def test_utf16_and_windows_files_are_decoded() -> None:
    assert decode(codecs.BOM_UTF16_LE + "é".encode("utf-16-le")) == "é"
    assert decode("é".encode("cp1252")) == "é"
    assert decode(b"\xef\xbb\xbfx") == "x"


@pytest.mark.parametrize("data", [b"PK\x03\x04rest", b"\x1f\x8b", b"%PDF-1.7", b"a\x00b"])
def test_a_file_that_is_no_text_is_named(data: bytes) -> None:
    with pytest.raises(UnreadableData, match="the file is"):
        decode(data)


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(UnreadableData, match="up to 5 MB"):
        decode(bytes(MAX_FILE_BYTES + 1))


def count_calls(work: Callable[[], object]) -> int:
    """Return how many functions *work* calls, in Python and in C."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def test_the_work_grows_with_the_rows_and_no_faster() -> None:
    small, large = (
        count_calls(lambda rows=rows: read("\n".join([HEADER, *[ROW] * rows])))  # type: ignore[misc]
        for rows in (300, 600)
    )
    assert large < 2.1 * small
    assert small < 100 * 300
