"""What a connection has missed: read from memory or the record, partials merged, bounded.

Stored bytes are sent as they are; only neighbouring `partial_result`s are decoded, to be
merged. Where too much was missed, a snapshot takes the place of all of it.
"""

from typing import Final, final

import attrs
import msgspec

from netra_actors.log.port import Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.batching import lines_of, merge_partials

MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 1024 * 1024
MAX_READ_EVENTS: Final = 20_000
"""More than that is not even read: it would merge into a screenful at best."""
READ_BYTES: Final = 512 * 1024


@final
@attrs.frozen
class Missed:
    """Lines to send, merged; the last one stands for `upto`."""

    lines: list[bytes]
    upto: int


async def read_missed(record: Record, log: SessionLog, after: int) -> Missed | None:
    """Return what is committed after *after*; None if a snapshot is the better answer.

    That is so when older events are not kept any more, or over 1,000 events or 1 MiB are left
    after merging.

    Cancellation: nothing happened.

    Raises:
        RecordUnavailable: the record cannot be read now.
    """
    upto = log.committed
    if after + 1 < log.oldest or upto - after > MAX_READ_EVENTS:
        return None
    lines: list[bytes] = []
    while after < upto:
        if after + 1 >= log.first_in_memory:
            lines += log.lines(after)[: upto - after]
            after = upto
        else:
            read = await _read(record, log, after, upto)
            if not read:
                return None
            lines += read
            after += len(read)
        if _too_much(lines):
            lines = merge_partials(lines)
            if _too_much(lines):
                return None
    merged = merge_partials(lines)
    return None if _too_much(merged) else Missed(merged, upto)


def _too_much(lines: list[bytes]) -> bool:
    return len(lines) > MAX_EVENTS or sum(map(len, lines)) > MAX_BYTES


class _Place(msgspec.Struct):
    seq: int


_place = msgspec.json.Decoder(_Place).decode


def seq_of(line: bytes) -> int:
    """Return the seq that *line*, merged or not, brings its reader to."""
    return _place(line).seq


async def _read(record: Record, log: SessionLog, after: int, upto: int) -> list[bytes]:
    chunks = await record.chunks(log.user_id, after=after, upto=upto, max_bytes=READ_BYTES)
    lines: list[bytes] = []
    for chunk in chunks:
        start = max(0, after + len(lines) + 1 - chunk.seq_from)
        lines += lines_of(chunk.body)[start:]
    return lines[: upto - after]
