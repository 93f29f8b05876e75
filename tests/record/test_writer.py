"""Where transactions run."""

import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.record.checkpoints import Checkpointer
from netra_actors.record.database import Link
from netra_actors.record.sqlite import SqliteDatabase
from netra_actors.record.writer import WAITING_JOBS, Writer


def where(_: Link) -> str:
    return threading.current_thread().name


@pytest.fixture
def database(sqlite_path: Path) -> SqliteDatabase:
    return SqliteDatabase(path=sqlite_path)


@pytest.fixture
async def writer(database: SqliteDatabase) -> AsyncGenerator[Writer]:
    made = Writer(database=database)
    yield made
    await trio.to_thread.run_sync(made.close)


async def test_small_work_runs_inline_and_large_work_in_the_thread(writer: Writer) -> None:
    here = threading.current_thread().name
    assert await writer.run(where, small=True) == here
    assert await writer.run(where, small=False) == "netra-record-writer"
    assert await writer.run(where, small=True) == here
    assert await writer.run_later(where) == "netra-record-writer"


async def test_with_fsync_everything_runs_in_the_thread(sqlite_path: Path) -> None:
    writer = Writer(database=SqliteDatabase(path=sqlite_path, fsync=True))
    assert await writer.run(where, small=True) == "netra-record-writer"
    await trio.to_thread.run_sync(writer.close)


async def test_small_work_never_runs_beside_the_thread(
    writer: Writer, nursery: trio.Nursery
) -> None:
    gate = threading.Event()
    nursery.start_soon(writer.run_later, lambda _: gate.wait(5))
    await trio.testing.wait_all_tasks_blocked()
    threading.Timer(0.02, gate.set).start()
    assert await writer.run(where, small=True) == "netra-record-writer"


async def test_an_overdue_checkpoint_is_done_in_the_thread_first(
    writer: Writer, database: SqliteDatabase
) -> None:
    database.checkpointer = Checkpointer(lambda: database.connect(writes=True))
    database.checkpointer.overdue = True
    assert await writer.run(where, small=True) == "netra-record-writer"
    assert not database.checkpointer.overdue
    assert await writer.run(where, small=True) == threading.current_thread().name


@pytest.mark.parametrize("small", [True, False])
async def test_errors_come_back_translated(writer: Writer, small: bool) -> None:
    def fail(link: Link) -> None:
        link.run("BEGIN")
        link.connection.interrupt()
        link.close()
        link.run("SELECT 1")

    with pytest.raises(Exception, match="closed"):
        await writer.run(fail, small=small)
    # The broken connection is replaced.
    assert await writer.run(lambda link: link.connection.execute("SELECT 1").fetchone(),
                            small=small) == (1,)  # fmt: skip


async def test_a_bug_in_the_work_is_raised_as_it_is(writer: Writer) -> None:
    def fail(_: Link) -> None:
        raise ZeroDivisionError

    for small in (True, False):
        with pytest.raises(ZeroDivisionError):
            await writer.run(fail, small=small)


async def test_what_hangs_is_abandoned_and_the_next_one_gets_a_new_connection(
    database: SqliteDatabase,
) -> None:
    writer, gate = Writer(database=database, deadline_s=0.03), threading.Event()
    with pytest.raises(RecordUnavailable, match=r"within 0\.03 s"):
        await writer.run(lambda _: gate.wait(5), small=False)
    assert writer.abandoned == 1
    assert await writer.run(where, small=False) == "netra-record-writer"
    gate.set()
    await trio.to_thread.run_sync(writer.close)


async def test_cancellation_waits_for_the_work_under_way(writer: Writer) -> None:
    done = []
    with trio.move_on_after(0.01) as scope:
        await writer.run(lambda _: done.append(threading.Event().wait(0.05)), small=False)
    assert done == [False]
    # The result was there, so it was returned; the next checkpoint hears of the cancellation.
    assert scope.cancel_called


async def test_cancelled_before_it_began_nothing_is_done(writer: Writer) -> None:
    done: list[None] = []
    for small in (True, False):
        with trio.CancelScope() as scope:
            scope.cancel()
            await writer.run(lambda _: done.append(None), small=small)
        assert scope.cancelled_caught
    assert done == []


async def test_side_work_is_bounded(writer: Writer) -> None:
    gate = threading.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(3 * WAITING_JOBS):
            nursery.start_soon(writer.run_later, lambda _: gate.wait(5))
        await trio.testing.wait_all_tasks_blocked()
        assert writer._lane.waiting == WAITING_JOBS
        gate.set()
