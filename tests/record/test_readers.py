"""Where queries run."""

import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import trio
import trio.testing

from netra_actors.errors import RecordCorrupt, RecordUnavailable
from netra_actors.record.database import Link
from netra_actors.record.readers import CONNECTIONS, Readers
from netra_actors.record.sqlite import SqliteDatabase


def one(link: Link) -> int:
    found: tuple[int] = link.connection.execute("SELECT 1").fetchone()
    return found[0]


@pytest.fixture
async def readers(sqlite_path: Path) -> AsyncGenerator[Readers]:
    made = Readers(database=SqliteDatabase(path=sqlite_path))
    yield made
    made.close()


async def test_small_queries_run_inline_and_others_in_threads(readers: Readers) -> None:
    def where(_: Link) -> str:
        return threading.current_thread().name

    assert await readers.run(where, small=True) == threading.current_thread().name
    assert await readers.run(where) != threading.current_thread().name


async def test_connections_are_used_again(readers: Readers) -> None:
    used = [await readers.run(lambda link: link) for _ in range(3)]
    assert used[0] is used[1] is used[2]


async def test_no_more_run_at_once_than_there_are_connections(readers: Readers) -> None:
    gate, running = threading.Event(), threading.Semaphore(0)

    def wait(_: Link) -> None:
        running.release()
        gate.wait(5)

    async with trio.open_nursery() as nursery:
        for _ in range(3 * CONNECTIONS):
            nursery.start_soon(readers.run, wait)
        for _ in range(CONNECTIONS):
            assert await trio.to_thread.run_sync(running.acquire, True, 5)
        assert not await trio.to_thread.run_sync(running.acquire, True, 0.02)
        gate.set()


async def test_tools_that_fill_the_default_limiter_do_not_stop_reads(readers: Readers) -> None:
    gate = threading.Event()
    default = trio.to_thread.current_default_thread_limiter()
    total, default.total_tokens = default.total_tokens, 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, gate.wait, 5)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(2):
            assert await readers.run(one) == 1
        gate.set()
    default.total_tokens = total


async def test_a_query_that_hangs_is_unavailable(sqlite_path: Path) -> None:
    readers = Readers(database=SqliteDatabase(path=sqlite_path), deadline_s=0.02)
    gate = threading.Event()
    with pytest.raises(RecordUnavailable):
        await readers.run(lambda _: gate.wait(5))
    gate.set()
    assert await readers.run(one) == 1
    readers.close()


async def test_a_cancelled_reader_leaves_at_once(readers: Readers) -> None:
    gate = threading.Event()
    with trio.move_on_after(0.01) as scope:
        await readers.run(lambda _: gate.wait(5))
    assert scope.cancelled_caught
    gate.set()
    assert await readers.run(one) == 1


async def test_an_idle_connection_that_died_is_replaced(readers: Readers) -> None:
    link = await readers.run(lambda link: link)
    link.close()
    assert await readers.run(one) == 1
    inline = await readers.run(lambda link: link, small=True)
    inline.close()
    assert await readers.run(one, small=True) == 1


@pytest.mark.parametrize("small", [True, False])
async def test_errors_come_back_translated(readers: Readers, small: bool) -> None:
    with pytest.raises(RecordCorrupt, match="no such table"):
        await readers.run(lambda link: link.run("SELECT * FROM missing"), small=small)
    assert await readers.run(one, small=small) == 1


@pytest.mark.parametrize("small", [True, False])
async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path, small: bool) -> None:
    readers = Readers(database=SqliteDatabase(path=tmp_path / "missing" / "x.db"))
    with pytest.raises(RecordUnavailable, match="unable to open"):
        await readers.run(one, small=small)


async def test_a_query_that_outlives_the_pool_closes_its_connection(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Readers(database=SqliteDatabase(path=sqlite_path))
    gate, closed, running = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(Link, "close", lambda _: closed.set())

    def query(_: Link) -> bool:
        running.set()
        return gate.wait(30)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(readers.run, query)
        assert await trio.to_thread.run_sync(running.wait, 30)
        nursery.cancel_scope.cancel()
    readers.close()
    assert not closed.is_set()
    gate.set()
    assert await trio.to_thread.run_sync(closed.wait, 5)
