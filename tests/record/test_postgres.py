"""PostgreSQL: what its errors mean, and what happens when it goes away for a moment."""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import psycopg
import pytest
import trio

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.identity import ThreadID, UserID
from netra_actors.log.port import Outcome, Record
from netra_actors.protocol.events import AgentThinking, UserMessage
from netra_actors.record import open_record
from netra_actors.record.database import DataRefused
from netra_actors.record.postgres import PostgresDatabase

MakeScript = Callable[[str], Any]
THINKING = AgentThinking(thought="x", urgency="low")


@pytest.fixture
async def record(postgres_url: str) -> AsyncGenerator[Record]:
    async with open_record(postgres_url, durability="commit") as opened:
        yield opened


@pytest.fixture
def database(postgres_url: str) -> PostgresDatabase:
    return PostgresDatabase(postgres_url)


@pytest.fixture
def connection(database: PostgresDatabase) -> "Generator[psycopg.Connection[Any]]":
    with database.connect(writes=True) as opened:
        yield opened


def kill_all_others(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


async def test_a_null_character_quarantines_its_session_alone(
    record: Record, script: MakeScript
) -> None:
    bad, good = script("u_1"), script("u_2")
    ids = {"thread_id": "t", "run_id": "r", "message_id": "m"}
    said = [UserMessage(content=text, priority="low", policy="reject") for text in ("a\0b", "ab")]
    batch = [
        log.append(log.event(payload, **ids))
        for log, payload in zip((bad, good), said, strict=True)
    ]
    assert await record.commit(batch) == [Outcome.QUARANTINED, Outcome.COMMITTED]
    assert len(await record.messages(UserID("u_2"), ThreadID("t"), limit=9)) == 1


async def test_what_cannot_be_stored_cannot_be_found_either(record: Record) -> None:
    assert await record.session(UserID("u\0")) is None


async def test_connections_that_were_cut_are_replaced(
    record: Record, script: MakeScript, postgres_url: str
) -> None:
    log = script("u_1")
    await record.commit([log.append(log.event(THINKING))])
    assert await record.session(log.user_id) is not None
    kill_all_others(postgres_url)
    row = await record.session(log.user_id)  # A read may be asked again at once.
    assert row is not None
    append = log.append(log.event(THINKING))
    with pytest.raises(RecordUnavailable):
        await record.commit([append])
    assert await record.commit([append]) == [Outcome.COMMITTED]


async def test_two_records_that_race_for_one_session_agree_on_one_owner(
    record: Record, postgres_url: str, script: MakeScript
) -> None:
    first, second = script("u_1"), script("u_1")
    outcomes: list[Outcome] = []
    async with open_record(postgres_url, durability="commit") as other:

        async def take(where: Record, log: Any, text: str) -> None:
            event = log.event(AgentThinking(thought=text, urgency="low"))
            outcomes.extend(await where.commit([log.append(event)]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, record, first, "one")
            nursery.start_soon(take, other, second, "two")
    assert sorted(outcome.value for outcome in outcomes) == ["committed", "lost"]
    assert len(await record.chunks(UserID("u_1"), after=0, upto=9, max_bytes=999)) == 1


def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{separator}options=-c%20synchronous_commit%3Doff"
    with PostgresDatabase(url).connect(writes=True) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_reader_cannot_write(database: PostgresDatabase) -> None:
    with database.connect(writes=False) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
            connection.execute("DELETE FROM sessions")
        assert isinstance(database.meaning(caught.value), RecordUnavailable)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT * FROM nothing_of_this_name", RecordCorrupt),
        ("INSERT INTO meta VALUES ('generation', '2')", DataRefused),
        ("SELECT 1/0", DataRefused),
        ("SET statement_timeout = 1; SELECT pg_sleep(5)", RecordUnavailable),
        ("SELECT pg_terminate_backend(pg_backend_pid())", RecordUnavailable),
    ],
)
def test_an_error_means(
    database: PostgresDatabase,
    connection: "psycopg.Connection[Any]",
    sql: str,
    kind: type[Exception],
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql.encode())
    assert type(database.meaning(caught.value)) is kind


def test_a_connection_is_usable_while_it_is_open_and_idle(database: PostgresDatabase) -> None:
    connection = database.connect(writes=True)
    assert database.is_usable(connection)
    connection.execute("BEGIN")
    assert not database.is_usable(connection)
    connection.close()
    assert not database.is_usable(connection)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(PostgresDatabase("postgresql://me:secret@host/db"))
