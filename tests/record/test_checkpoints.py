"""Checkpoints beside the commits."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from netra_actors.log.port import Outcome
from netra_actors.protocol.events import AgentThinking
from netra_actors.record import open_record
from netra_actors.record.checkpoints import Checkpointer
from netra_actors.record.sql import SqlRecord
from netra_actors.record.sqlite import SqliteDatabase

MakeScript = Callable[[str], Any]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def database(sqlite_path: Path) -> SqliteDatabase:
    return SqliteDatabase(path=sqlite_path)


def test_nothing_is_copied_when_nothing_was_written(database: SqliteDatabase) -> None:
    checkpointer = Checkpointer(lambda: database.connect(writes=True), period_s=0.001)
    checkpointer.start()
    checkpointer.wrote()
    wait_until(lambda: checkpointer.rounds == 1)
    time.sleep(0.02)
    assert checkpointer.rounds == 1
    checkpointer.stop()


def test_what_was_written_reaches_the_database_file(
    database: SqliteDatabase, sqlite_path: Path
) -> None:
    checkpointer = Checkpointer(lambda: database.connect(writes=True), period_s=0.001)
    checkpointer.start()
    connection = database.connect(writes=True)
    before = sqlite_path.stat().st_size
    connection.execute("INSERT INTO meta VALUES ('x', hex(zeroblob(100000)))")
    assert sqlite_path.stat().st_size == before
    checkpointer.wrote()
    wait_until(lambda: sqlite_path.stat().st_size > before)
    connection.close()
    checkpointer.stop()


def test_a_failing_checkpoint_is_logged_and_tried_again(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointer = Checkpointer(lambda: database.connect(writes=True), period_s=0.001)
    monkeypatch.setattr("netra_actors.record.checkpoints.PASSIVE", "SELECT * FROM missing")
    with capture_logs() as logs:
        checkpointer.start()
        checkpointer.wrote()
        wait_until(lambda: len(logs) >= 2)
        monkeypatch.undo()
        wait_until(lambda: checkpointer.rounds == 1)
        checkpointer.stop()
    assert {entry["event"] for entry in logs} == {"checkpoint_failed"}


async def test_the_wal_stays_bounded_under_a_load_that_never_pauses(
    sqlite_url: str, sqlite_path: Path, script: MakeScript
) -> None:
    """The thread alone never finishes; without the writer's help this WAL holds all of it."""
    log, wal = script("u_1"), sqlite_path.with_name("record.db-wal")
    limit = 1_000_000
    async with open_record(sqlite_url, durability="commit") as record:
        assert isinstance(record, SqlRecord)
        database = record.writer.database
        assert isinstance(database, SqliteDatabase)
        assert database.checkpointer is not None
        checkpointer = database.checkpointer
        checkpointer.period_s, checkpointer.limit_bytes = 0.005, limit
        checkpointer.wrote()
        await trio.to_thread.run_sync(wait_until, lambda: checkpointer.rounds > 0)
        largest = 0
        for _ in range(1600):
            append = log.append(log.event(AgentThinking(thought="x" * 50_000, urgency="low")))
            assert await record.commit([append]) == [Outcome.COMMITTED]
            largest = max(largest, wal.stat().st_size)
        assert largest < 50 * limit  # of 80 MB written
