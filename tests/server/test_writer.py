"""The tail against a real socket pair with small buffers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from netra_actors.server import writer as module
from netra_actors.server.writer import MAX_TAIL_BYTES, Writer


@attrs.define
class Pair:
    writer: Writer
    ours: trio.socket.SocketType
    theirs: trio.socket.SocketType
    broken: list[str]

    async def read(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            got += await self.theirs.recv(count - len(got))
        return bytes(got)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    ours, theirs = trio.socket.socketpair()
    broken: list[str] = []
    with ours, theirs:
        async with trio.open_nursery() as nursery:
            writer = Writer(ours, nursery.start_soon, lambda: broken.append("broken"))
            yield Pair(writer, ours, theirs, broken)
            writer.stop()
            nursery.cancel_scope.cancel()


async def test_what_the_kernel_takes_leaves_at_once() -> None:
    async with pair() as both:
        assert both.writer.write(b"hello")
        assert both.writer.tail_bytes == 0
        assert await both.read(5) == b"hello"


async def test_what_it_does_not_take_leaves_by_itself_and_in_order() -> None:
    data = bytes(range(256)) * 4000
    async with pair() as both:
        assert not both.writer.write(data)
        assert not both.writer.write(b"behind")
        assert await both.read(len(data) + 6) == data + b"behind"
        await both.writer.drain()
        assert both.writer.tail_bytes == 0


async def test_a_tail_at_its_bound_refuses_and_goes_on() -> None:
    async with pair() as both:
        both.writer.write(bytes(MAX_TAIL_BYTES))
        waiting = both.writer.tail_bytes
        with pytest.raises(trio.BrokenResourceError, match="bytes wait"):
            both.writer.write(bytes(MAX_TAIL_BYTES))
        assert both.writer.tail_bytes == waiting
        assert both.broken == []
        await both.read(MAX_TAIL_BYTES)


async def test_a_body_is_written_piece_by_piece() -> None:
    data = bytes(3_000_000)
    tails: list[int] = []

    async def read(both: Pair) -> None:
        for _ in range(len(data) // 50_000):
            await both.read(50_000)
            tails.append(both.writer.tail_bytes)

    async with pair() as both, trio.open_nursery() as nursery:
        nursery.start_soon(read, both)
        await both.writer.send_all(data)
    assert max(tails) <= module.PIECE_BYTES


async def test_a_peer_that_left_is_found_by_the_write_and_told_once() -> None:
    async with pair() as both:
        both.theirs.close()
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError):
                both.writer.write(b"x")
        assert both.broken == ["broken"]


async def test_a_closed_socket_is_a_peer_that_left() -> None:
    async with pair() as both:
        both.ours.close()
        with pytest.raises(trio.BrokenResourceError):
            both.writer.write(b"x")


async def test_whoever_drains_hears_that_the_peer_left() -> None:
    async with pair() as both:
        both.writer.write(bytes(3_000_000))
        both.theirs.close()
        with pytest.raises(trio.BrokenResourceError):
            await both.writer.drain()
        assert both.writer.tail_bytes == 0


async def test_a_socket_closed_under_the_drain_ends_it() -> None:
    async with pair() as both:
        both.writer.write(bytes(3_000_000))
        await trio.testing.wait_all_tasks_blocked()
        both.ours.close()
        with pytest.raises(trio.BrokenResourceError):
            await both.writer.drain()


async def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NO_PROGRESS_S", 0.02)
    async with pair() as both:
        both.writer.write(bytes(3_000_000))
        with pytest.raises(trio.TooSlowError):
            await both.writer.drain()
        assert both.broken == ["broken"]


async def test_a_slow_peer_that_takes_a_little_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "NO_PROGRESS_S", 0.02)
    unsent = iter(range(1000, 0, -1))
    monkeypatch.setattr(module, "_unsent_bytes", lambda _: next(unsent))
    async with pair() as both:
        both.writer.write(bytes(3_000_000))
        with trio.move_on_after(0.1) as scope:
            await both.writer.drain()
        assert scope.cancelled_caught
        assert both.writer.error is None


async def test_a_stop_drops_the_tail() -> None:
    async with pair() as both:
        both.writer.write(bytes(3_000_000))
        both.writer.stop()
        assert both.writer.tail_bytes == 0
        with pytest.raises(trio.BrokenResourceError):
            await both.writer.drain()
