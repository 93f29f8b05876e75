"""SQLite: what survives, what it refuses, and what its errors mean."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.log.port import Outcome
from netra_actors.protocol.events import AgentThinking
from netra_actors.record import open_record
from netra_actors.record.database import DataRefused, Link
from netra_actors.record.sql import SqlRecord
from netra_actors.record.sqlite import SqliteDatabase

MakeScript = Callable[[str], Any]

WRITE_UNTIL_KILLED = """
import os, sys, trio
from netra_actors.log.port import Append, Outcome
from netra_actors.protocol.events import AgentThinking, Event, encode_event
from netra_actors.record import open_record

async def main():
    async with open_record(sys.argv[1], durability=sys.argv[2]) as record:
        seq = 0
        while True:
            seq += 1
            event = Event(type="agent_thinking", seq=seq, timestamp=seq,
                          payload=AgentThinking(thought="x" * 200, urgency="low"))
            append = Append(user_id="u_1", epoch="e_1_a", term=1, takes_term=seq == 1,
                            seq_from=seq, seq_to=seq, body=encode_event(event) + b"\\n",
                            events=(event,))
            assert await record.commit([append]) == [Outcome.COMMITTED]
            os.write(1, b"%d\\n" % seq)

trio.run(main)
"""


def thinking(text: str = "x") -> AgentThinking:
    return AgentThinking(thought=text, urgency="low")


def write_until_killed(url: str, durability: str) -> int:
    """Return the seq of the last commit that the killed process knew of."""
    arguments = [sys.executable, "-c", WRITE_UNTIL_KILLED, url, durability]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=Path.cwd()) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(300)]
        finally:
            writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
    return int(lines[-1])


@pytest.mark.parametrize("durability", ["commit", "fsync"])
async def test_every_commit_that_returned_is_there_after_a_kill(
    sqlite_url: str, durability: Any
) -> None:
    returned = write_until_killed(sqlite_url, durability)
    assert returned >= 300
    async with open_record(sqlite_url, durability=durability) as record:
        row = await record.session("u_1")  # type: ignore[arg-type]
        assert row is not None
        # One more may have been committed whose answer was not written any more.
        assert returned <= row.head <= returned + 1
        chunks = await record.chunks(
            "u_1",  # type: ignore[arg-type]
            after=0, upto=row.head, max_bytes=1 << 30,
        )  # fmt: skip
        assert [chunk.seq_from for chunk in chunks] == list(range(1, row.head + 1))
        assert record.generation == 1  # The machine is still the same one.


@pytest.mark.parametrize(("fsync", "level"), [(False, 1), (True, 2)])
def test_durability_is_the_synchronous_pragma(sqlite_path: Path, fsync: bool, level: int) -> None:
    connection = SqliteDatabase(path=sqlite_path, fsync=fsync).connect(writes=True)
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    connection.close()


def test_a_reader_cannot_write(sqlite_path: Path) -> None:
    connection = SqliteDatabase(path=sqlite_path).connect(writes=False)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM sessions")
    connection.close()


async def test_a_write_lock_of_another_process_is_unavailable_then_over(
    sqlite_url: str, sqlite_path: Path, script: MakeScript
) -> None:
    log = script("u_1")
    append = log.append(log.event(thinking()))
    async with open_record(sqlite_url, durability="commit") as record:
        other = sqlite3.connect(sqlite_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordUnavailable, match="locked"):
            await record.commit([append])
        assert await record.session(log.user_id) is None
        other.execute("ROLLBACK")
        other.close()
        assert await record.commit([append]) == [Outcome.COMMITTED]


async def test_a_full_disk_is_unavailable_and_what_was_there_stays(
    sqlite_url: str, script: MakeScript
) -> None:
    log = script("u_1")
    async with open_record(sqlite_url, durability="commit") as record:
        assert isinstance(record, SqlRecord)
        await record.commit([log.append(log.event(thinking()))])
        link = record.writer._lane.link
        assert link is not None
        pages = link.connection.execute("PRAGMA page_count").fetchone()[0]
        link.run(f"PRAGMA max_page_count={pages}")
        big = log.append(log.event(thinking("x" * 50_000)))
        with pytest.raises(RecordUnavailable, match="full"):
            await record.commit([big])
        row = await record.session(log.user_id)
        assert row is not None
        assert row.head == 1
        link.run("PRAGMA max_page_count=1000000")
        assert await record.commit([big]) == [Outcome.COMMITTED]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT * FROM nothing_of_this_name", RecordCorrupt),
        ("INSERT INTO meta VALUES ('generation', '2')", DataRefused),
    ],
)
def test_an_error_means(sqlite_path: Path, sql: str, kind: type[Exception]) -> None:
    database = SqliteDatabase(path=sqlite_path)
    link = Link.open(database, writes=True)
    with pytest.raises(database.errors) as caught:
        link.run(sql)
    assert type(database.meaning(caught.value)) is kind
    link.close()


@pytest.mark.parametrize("error", [OverflowError("int"), "\ud800".encode, ValueError("no id")])
def test_values_that_python_cannot_bind_are_refused_data(error: Any) -> None:
    if callable(error):
        with pytest.raises(UnicodeEncodeError) as caught:
            error()
        error = caught.value
    database = SqliteDatabase(path=Path("x.db"))
    assert isinstance(error, database.errors)
    assert isinstance(database.meaning(error), DataRefused)


def test_a_file_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    database = SqliteDatabase(path=tmp_path / "missing" / "x.db")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.connect(writes=True)
    assert isinstance(database.meaning(caught.value), RecordUnavailable)


def test_a_closed_connection_is_not_usable(sqlite_path: Path) -> None:
    database = SqliteDatabase(path=sqlite_path)
    connection = database.connect(writes=True)
    assert database.is_usable(connection)
    connection.execute("BEGIN")
    assert not database.is_usable(connection)
    connection.close()
    assert not database.is_usable(connection)
