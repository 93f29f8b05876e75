"""Stored lines into frames, without decoding them.

A *line* is one event as `encode_event` made it, without a newline. Only consecutive
`partial_result`s are ever decoded, to be merged for a slow connection.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from netra_actors.protocol.events import PartialResult

MAX_FRAME_BYTES: Final = 32_768
"""A frame of several events, or a merged event, as the server makes it."""

_PARTIAL: Final = b'{"type":"partial_result",'


class MergedPartial(msgspec.Struct, frozen=True, kw_only=True, tag="partial_result"):
    """Several consecutive `partial_result`s of one run as one event.

    It stands for every seq from `seq_from` to `seq`, and has the timestamp and `is_complete`
    of the last.
    """

    seq_from: int | None = None
    seq: int
    timestamp: int
    thread_id: str | None = None
    run_id: str | None = None
    parent_run_id: str | None = None
    message_id: str | None = None
    payload: PartialResult


_decode = msgspec.json.Decoder(MergedPartial).decode
_encode = msgspec.json.Encoder().encode


def lines_of(body: bytes) -> list[bytes]:
    """Return the lines of a stored chunk, whose every line ends with a newline."""
    return body.split(b"\n")[:-1]


def frames(
    lines: Sequence[bytes], *, as_array: bool, max_bytes: int = MAX_FRAME_BYTES
) -> list[bytes]:
    """Return WebSocket frames that carry *lines* in order.

    With *as_array*, as many lines as fit into *max_bytes* become one frame with an array; one
    alone stays an object. Otherwise every line is a frame.
    """
    if not as_array or len(lines) <= 1:
        return list(lines)
    made: list[bytes] = []
    group: list[bytes] = []
    used = 1
    for line in lines:
        # Each line brings one comma, or the closing bracket.
        if group and used + len(line) + 1 > max_bytes:
            made.append(_frame(group))
            group, used = [], 1
        group.append(line)
        used += len(line) + 1
    made.append(_frame(group))
    return made


def _frame(group: list[bytes]) -> bytes:
    return group[0] if len(group) == 1 else b"[" + b",".join(group) + b"]"


def merge_partials(lines: Sequence[bytes], *, max_bytes: int = MAX_FRAME_BYTES) -> list[bytes]:
    """Return *lines* with neighbouring `partial_result`s of one run merged, up to *max_bytes*.

    *lines* are consecutive events; the caller keeps those before and after a `replay_end`
    apart. A merged line starts where its first part did, carries `seq_from`, and folds to the
    same state as its parts.
    """
    made: list[bytes] = []
    group: list[bytes] = []
    used = 0
    for line in lines:
        if not line.startswith(_PARTIAL):
            made.extend(_merge(group))
            made.append(line)
            group, used = [], 0
            continue
        if group and used + len(line) > max_bytes:
            made.extend(_merge(group))
            group, used = [], 0
        group.append(line)
        used += len(line)
    made.extend(_merge(group))
    return made


def _merge(group: list[bytes]) -> Iterator[bytes]:
    if len(group) <= 1:
        yield from group
        return
    parts = [_decode(line) for line in group]
    start = 0
    for end in range(1, len(parts) + 1):
        if end < len(parts) and _continues(parts[end - 1], parts[end]):
            continue
        yield group[start] if end - start == 1 else _join(parts[start:end])
        start = end


def _continues(before: MergedPartial, after: MergedPartial) -> bool:
    first = after.seq if after.seq_from is None else after.seq_from
    return after.run_id == before.run_id and first == before.seq + 1


def _join(parts: list[MergedPartial]) -> bytes:
    first, last = parts[0], parts[-1]
    return _encode(
        MergedPartial(
            seq_from=first.seq if first.seq_from is None else first.seq_from,
            seq=last.seq,
            timestamp=last.timestamp,
            thread_id=last.thread_id,
            run_id=last.run_id,
            parent_run_id=last.parent_run_id,
            message_id=last.message_id,
            payload=PartialResult(
                content="".join(part.payload.content for part in parts),
                is_complete=last.payload.is_complete,
            ),
        )
    )
