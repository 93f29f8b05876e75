"""The transaction over a real SQLite database, and what it does when something breaks."""

import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.schema import CreateIndex, CreateTable

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.identity import UserID
from netra_actors.log.port import Answer, Append, Outcome
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    AgentThinking,
    Event,
    Payload,
    RunCancelling,
    ThreadCreated,
    ThreadDeleted,
    ThreadRenamed,
    UserMessage,
)
from netra_actors.record import tables
from netra_actors.record.database import Link
from netra_actors.record.memory import MemoryRecord
from netra_actors.record.queries import Queries
from netra_actors.record.sqlite import SqliteDatabase
from netra_actors.record.statements import Statements
from netra_actors.record.transaction import MAX_TRANSACTION_BYTES, Transactions

THINKING = AgentThinking(thought="x", urgency="low")


@attrs.define
class Tapped:
    """A connection that counts statements, and fails where it is told to."""

    connection: sqlite3.Connection
    ran: list[str] = attrs.field(factory=list)
    fail_after: str = ""
    """A statement that is executed, and whose answer is lost. Once."""
    error: Exception | None = None
    _cursor: Any = None

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def close(self) -> None:
        self.connection.close()

    def cursor(self) -> "Tapped":
        return self

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        self.ran.append(sql)
        self._cursor = self.connection.execute(sql, values)
        if self.fail_after and sql.startswith(self.fail_after):
            self.fail_after = ""
            assert self.error is not None
            raise self.error

    def executemany(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self.ran.append(sql)
        self._cursor = self.connection.executemany(sql, rows)

    def fetchall(self) -> list[Any]:
        found: list[Any] = self._cursor.fetchall()
        return found

    @property
    def rowcount(self) -> int:
        changed: int = self._cursor.rowcount
        return changed


@attrs.frozen
class Bench:
    tapped: Tapped
    link: Link
    transactions: Transactions

    def commit(self, *batch: Append) -> list[Outcome]:
        return list(self.transactions.commit(self.link, batch))

    def begun(self) -> int:
        return self.tapped.ran.count("BEGIN IMMEDIATE")

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return self.tapped.connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608


DATABASE = SqliteDatabase(path=Path("bench.db"))  # It never connects by itself.
QUERIES = Queries.compile(DATABASE.dialect)
STATEMENTS = Statements.compile(DATABASE.dialect, DATABASE.insert)


def make_bench() -> Bench:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in tables.metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=DATABASE.dialect)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=DATABASE.dialect)))
    tapped = Tapped(connection)
    transactions = Transactions(statements=STATEMENTS, queries=QUERIES, clock=lambda: 77)
    return Bench(tapped, Link(DATABASE, tapped), transactions)


@pytest.fixture
def bench() -> Generator[Bench]:
    made = make_bench()
    yield made
    made.tapped.close()


def busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


MakeScript = Callable[[str], Any]


def test_a_batch_is_one_transaction(bench: Bench, script: MakeScript) -> None:
    logs = [script(f"u_{number}") for number in range(20)]
    bench.commit(*(log.append(log.event(THINKING)) for log in logs))
    bench.commit(*(log.append(log.event(THINKING)) for log in logs))
    assert bench.begun() == 2
    assert len(bench.rows("chunks")) == 40


def test_a_commit_whose_answer_is_lost_is_recognised(bench: Bench, script: MakeScript) -> None:
    log = script("u_1")
    bench.commit(log.append(log.event(THINKING)))
    second = log.append(log.event(THINKING), answers=(_answer("m"),))
    bench.tapped.fail_after, bench.tapped.error = "COMMIT", busy()
    with pytest.raises(RecordUnavailable):
        bench.commit(second)
    assert bench.commit(second) == [Outcome.COMMITTED]
    assert len(bench.rows("chunks")) == 2
    assert bench.rows("commands") == [("u_1", "m", "d", b"{}", 77)]


def test_a_transaction_that_breaks_in_the_middle_leaves_nothing(
    bench: Bench, script: MakeScript
) -> None:
    log = script("u_1")
    append = log.append(log.event(THINKING))
    bench.tapped.fail_after, bench.tapped.error = "INSERT INTO chunks", busy()
    with pytest.raises(RecordUnavailable):
        bench.commit(append)
    assert not bench.tapped.in_transaction
    assert bench.rows("sessions") == []
    assert bench.commit(append) == [Outcome.COMMITTED]


def test_a_missing_table_is_not_the_sessions_fault(bench: Bench, script: MakeScript) -> None:
    bench.tapped.connection.execute("DROP TABLE chunks")
    log = script("u_1")
    with pytest.raises(RecordCorrupt, match="no such table"):
        bench.commit(log.append(log.event(THINKING)))


def test_one_bad_session_of_many_is_found_by_halves(bench: Bench, script: MakeScript) -> None:
    logs = [script(f"u_{number:02}") for number in range(64)]
    batch = [log.append(log.event(THINKING)) for log in logs]
    bad = script("u_40")
    batch[40] = bad.append(bad.event(UserMessage(content="", priority="low", policy="reject")))
    outcomes = bench.commit(*batch)
    assert [
        place for place, outcome in enumerate(outcomes) if outcome is not Outcome.COMMITTED
    ] == [40]
    assert bench.begun() <= 2 * 6 + 1


def test_rows_are_written_in_the_order_of_users(bench: Bench, script: MakeScript) -> None:
    logs = [script(name) for name in ("u_c", "u_a", "u_b")]
    bench.commit(*(log.append(log.event(THINKING)) for log in logs))
    assert [row[0] for row in bench.rows("chunks")] == ["u_a", "u_b", "u_c"]


def test_a_large_batch_is_cut_into_transactions_of_four_mib(
    bench: Bench, script: MakeScript
) -> None:
    logs = [script(f"u_{number}") for number in range(5)]
    batch = [
        attrs.evolve(log.append(log.event(THINKING)), body=b"x" * (MAX_TRANSACTION_BYTES // 2))
        for log in logs
    ]
    assert set(bench.commit(*batch)) == {Outcome.COMMITTED}
    assert bench.begun() == 3


def test_one_append_larger_than_a_transaction_goes_alone(bench: Bench, script: MakeScript) -> None:
    log = script("u_1")
    big = attrs.evolve(log.append(log.event(THINKING)), body=b"x" * (MAX_TRANSACTION_BYTES + 1))
    other = script("u_2")
    assert set(bench.commit(big, other.append(other.event(THINKING)))) == {Outcome.COMMITTED}


def _answer(name: str) -> Answer:
    return Answer(message_id=name, digest="d", body=b"{}")  # type: ignore[arg-type]


# What a user may do in a thread and with a run, as (payload, ids); the grammar is not the
# record's business, so any order is tried.
_IDS = st.fixed_dictionaries({
    "thread_id": st.sampled_from(["t1", "t2"]),
    "run_id": st.sampled_from(["r1", "r2", "r3"]),
})
_STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            UserMessage(content="q", priority="low", policy="reject"),
            AgentStarted(agent_name="a"),
            RunCancelling(by="x"),
            AgentCompleted(status="completed", final_response="a", duration_ms=1, metrics={}),
            ThreadCreated(title="one"),
            ThreadRenamed(title="two"),
            ThreadDeleted(title="two"),
            THINKING,
        ]),
        _IDS,
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
async def test_memory_and_sql_come_to_the_same_rows(
    steps: list[tuple[Payload, dict[str, str], bool]],
) -> None:
    """Whatever the events are, and however they are cut into commits."""
    bench, memory = make_bench(), MemoryRecord()
    user, head, pending, taken = UserID("u_1"), 0, list[Event](), False
    for place, (payload, ids, cut) in enumerate([*steps, (THINKING, {}, True)]):
        head += 1
        pending.append(
            Event(
                type=payload.type,
                seq=head,
                timestamp=place,
                payload=payload,
                message_id=f"m_{ids.get('run_id')}",
                **ids,
            )
        )
        if not cut:
            continue
        append = Append(
            user_id=user,
            epoch="e_1_x",
            term=1,
            takes_term=not taken,
            seq_from=head - len(pending) + 1,
            seq_to=head,
            body=b"%d\n" % head,
            events=tuple(pending),
        )
        outcomes = bench.commit(append)
        assert memory.commit_nowait([append]) == outcomes
        if outcomes == [Outcome.COMMITTED]:
            taken = True
        else:
            head -= len(pending)
        pending = []
    fetch = bench.link.fetch
    for thread in ("t1", "t2"):
        stored = fetch(QUERIES.messages, user_id=user, thread_id=thread, row_limit=99)
        held = await memory.messages(user, thread, limit=99)  # type: ignore[arg-type]
        assert [attrs.astuple(row) for row in held] == stored[::-1]
    stored = fetch(QUERIES.threads, user_id=user, row_limit=99)
    assert [attrs.astuple(row) for row in await memory.threads(user, limit=99)] == stored
    stored = fetch(QUERIES.open_runs, user_id=user)
    assert [attrs.astuple(row) for row in await memory.open_runs(user)] == stored
    for run in ("r1", "r2", "r3"):
        held_run = await memory.run(user, run)  # type: ignore[arg-type]
        stored = fetch(QUERIES.run, user_id=user, run_id=run)
        assert stored == ([] if held_run is None else [attrs.astuple(held_run)])
    bench.tapped.close()
