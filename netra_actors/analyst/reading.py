"""Text or bytes to usage: CSV with any of three delimiters, or JSON lines.

A row is one physical line: an unclosed quote costs its own line, never the rest of the file.
Lines are counted from 1, as an editor shows them.
"""

import codecs
import csv
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgspec

from netra_actors.analyst.columns import (
    EXAMPLE,
    REQUIRED,
    Columns,
    canonical,
    delimiter_of,
    recognise,
)
from netra_actors.analyst.usage import Refusal, Usage, UsageBuilder

MAX_FILE_BYTES: Final = 5 * 1024 * 1024
EXPECTED: Final = (
    "CSV with a header line (delimiter comma, semicolon or tab) or JSON lines, one call per "
    "row, with the columns time, user, feature, model, input_tokens, output_tokens, latency_ms, "
    "cost and status; user, latency_ms and status may be left out. For example:\n" + EXAMPLE
)

_decode_json: Final = msgspec.json.Decoder().decode
_NOT_TEXT: Final = {
    b"PK\x03\x04": "a zip archive or an Excel workbook (save it as CSV)",
    b"\x1f\x8b": "a gzip archive (unpack it first)",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file (export it as CSV)",
}


class UnreadableData(ValueError):
    """Nothing can be analysed in what was given; the text says why, in words for the user.

    Attributes:
        refusals: the first rows that were refused, when there were rows.
    """

    def __init__(self, why: str, refusals: Sequence[Refusal] = ()) -> None:
        super().__init__(why)
        self.refusals = tuple(refusals)


@attrs.frozen
class Reading:
    """What came of reading: the rows, and what did not become one."""

    usage: Usage
    refused: int
    refusals: list[Refusal]
    """The first refused rows."""
    absent: tuple[str, ...]
    """Columns one can do without that were not there."""
    format: str


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-16 with a mark, else Windows-1252.

    Raises:
        UnreadableData: it is too large, or no text.
    """
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableData(
            f"the file has {len(data) / 1048576:,.1f} MB; up to 5 MB can be read. "
            "Send the newest weeks only."
        )
    for magic, kind in _NOT_TEXT.items():
        if data.startswith(magic):
            raise UnreadableData(f"the file is {kind}")
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise UnreadableData("the file is not text")
    return text


def read(text: str, first_line: int = 1) -> Reading:
    """Return the usage in *text*, whose first line is called *first_line*.

    Raises:
        UnreadableData: no header, columns missing, or not one acceptable row.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UnreadableData("there is no data: it is empty")
    body = enumerate(lines[start:], first_line + start)
    opening = lines[start].lstrip()
    if opening.startswith("["):
        raise UnreadableData("this looks like a JSON array; send JSON lines, one object per line")
    if opening.startswith("{"):
        return _finish(_read_json_lines(list(body)), "JSON lines")
    return _finish(_read_csv(list(body)), "CSV")


def _finish(builder: UsageBuilder, form: str) -> Reading:
    usage = builder.build()
    if not len(usage):
        why = "the header is there, but no rows" if not builder.refused else "every row was refused"
        raise UnreadableData(why, builder.refusals)
    return Reading(usage, builder.refused, builder.refusals, builder.columns.absent, form)


def _read_csv(lines: list[tuple[int, str]]) -> UsageBuilder:
    delimiter = delimiter_of(lines[0][1])
    header = _header(lines[0][1], delimiter)
    columns = _checked(recognise(header), header)
    builder = UsageBuilder(columns, decimal_comma=delimiter != ",")
    for line, text in lines[1:]:
        if not text.strip():
            continue
        try:
            cells = _cells(text, delimiter)
        except csv.Error as error:
            builder.refuse(line, f"is not CSV: {error}")
            continue
        builder.add(line, cells)
    return builder


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return _cells(line, delimiter)
    except csv.Error as error:
        raise UnreadableData(f"its first line is not CSV: {error}") from None


def _cells(line: str, delimiter: str) -> list[str]:
    # Splitting is five times faster than a reader made for each line; quotes are rare in logs.
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader((line,), delimiter=delimiter, strict=True))


def _read_json_lines(lines: list[tuple[int, str]]) -> UsageBuilder:
    first = next((row for _, text in lines if (row := _json_object(text)) is not None), None)
    if first is None:
        raise UnreadableData("no line is a JSON object")
    header = list(first)
    columns = _checked(recognise(header), header)
    names = {place: column for column, place in columns.places.items()}
    order = [names.get(place) for place in range(len(header))]
    builder = UsageBuilder(columns)
    for line, text in lines:
        if not text.strip():
            continue
        row = _json_object(text)
        if row is None:
            builder.refuse(line, "is not a JSON object")
            continue
        found = {column: value for key, value in row.items() if (column := canonical(key))}
        builder.add(line, [_text(found.get(column)) if column else "" for column in order])
    return builder


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        row = _decode_json(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return row if isinstance(row, dict) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _checked(columns: Columns, header: Sequence[str]) -> Columns:
    if not columns.places:
        raise UnreadableData("there is no header line with known column names")
    if columns.missing:
        # A wrong file can have a first line of any length.
        seen = ", ".join(name.strip() for name in header)[:200]
        raise UnreadableData(
            f"{'columns are' if len(columns.missing) > 1 else 'a column is'} missing: "
            f"{', '.join(columns.missing)} (the header has {seen}; "
            f"needed are {', '.join(REQUIRED)})"
        )
    return columns
