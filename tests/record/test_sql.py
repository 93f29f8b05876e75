"""The SQL record's own choices; what it promises is in the conformance suite."""

import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from netra_actors.errors import RecordError
from netra_actors.identity import FileID, UserID
from netra_actors.log.port import Append, FileRow, Outcome
from netra_actors.protocol.events import AgentThinking
from netra_actors.record import open_record
from netra_actors.record.database import Link
from netra_actors.record.sql import INLINE_BYTES, INLINE_SESSIONS, SqlRecord
from netra_actors.record.transaction import Transactions

MakeScript = Callable[[str], Any]


@pytest.fixture
async def record(sqlite_url: str) -> AsyncGenerator[SqlRecord]:
    async with open_record(sqlite_url, durability="commit") as opened:
        assert isinstance(opened, SqlRecord)
        yield opened


@pytest.mark.parametrize(
    ("sessions", "size", "is_inline"),
    [
        (1, 10, True),
        (INLINE_SESSIONS, 10, True),
        (INLINE_SESSIONS + 1, 10, False),
        (1, INLINE_BYTES, False),
    ],
)
async def test_a_batch_runs_inline_only_while_that_is_quick(
    record: SqlRecord,
    script: MakeScript,
    monkeypatch: pytest.MonkeyPatch,
    sessions: int,
    size: int,
    is_inline: bool,
) -> None:
    threads: list[str] = []
    commit = Transactions.commit

    def noted(self: Transactions, link: Link, batch: Sequence[Append]) -> Sequence[Outcome]:
        threads.append(threading.current_thread().name)
        return commit(self, link, batch)

    monkeypatch.setattr(Transactions, "commit", noted)
    logs = [script(f"u_{number}") for number in range(sessions)]
    thinking = AgentThinking(thought="x" * size, urgency="low")
    await record.commit([log.append(log.event(thinking)) for log in logs])
    assert (threads == [threading.current_thread().name]) is is_inline


async def test_a_file_that_cannot_be_stored_is_an_error(record: SqlRecord) -> None:
    file = FileRow(file_id=FileID("f"), name="\ud800", body=b"", created_at=0)
    with pytest.raises(RecordError, match="refuses"):
        await record.put_file(UserID("u"), file)


async def test_what_cannot_be_stored_cannot_be_found_either(record: SqlRecord) -> None:
    assert await record.session(UserID("\ud800")) is None
    assert await record.threads(UserID("\ud800"), limit=9) == []
