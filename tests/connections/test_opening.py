"""How a connection begins, in which mode, and that it always leaves everything it was in."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.errors import RecordUnavailable
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.events import ThreadRenamed
from tests.connections.hall import WALL, Hall, open_hall
from tests.connections.peers import FakeSink
from tests.sessions.world import SETTINGS


async def grow(hall: Hall, count: int = 3) -> str:
    """Have alice's log hold *count* more events; return its epoch."""
    log = (await hall.world.entry()).log
    for _ in range(count):
        log.append(ThreadRenamed(title="t"), thread_id="thr_1")
    await log.wait_committed(log.head)
    return log.epoch


async def test_the_welcome_says_who_and_from_where(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        epoch = await grow(hall)
        await trio.sleep(1)
        device = await hall.device()
        with hall.opening.attached(device.connection):
            await hall.opening.start(device.connection, Cursor(epoch, 1), expires_in_s=60.0)
            assert device.connection.welcomed
        assert device.frames[0] == {
            "type": "welcome",
            "connection_id": device.connection.connection_id,
            "user_id": "alice",
            "epoch": epoch,
            "head": 3,
            "mode": "resumed",
            "heartbeat_s": SETTINGS.sockets.heartbeat_s,
            "expires_in_s": 60.0,
            "limits": {
                "max_message_bytes": SETTINGS.sockets.max_message_bytes,
                "window_bytes": SETTINGS.sockets.window_bytes,
            },
            "plan": "mid",
            "server_time": WALL + 1000,
        }


@pytest.mark.parametrize(
    ("events", "cursor", "mode", "types"),
    [
        (0, None, "fresh", ["welcome", "replay_end"]),
        (0, 0, "fresh", ["welcome", "replay_end"]),
        (2, None, "snapshot", ["welcome", "snapshot", "replay_end"]),
        (2, -1, "snapshot", ["welcome", "snapshot", "replay_end"]),
        (2, 0, "resumed", ["welcome", "thread_renamed", "thread_renamed", "replay_end"]),
        (2, 2, "resumed", ["welcome", "replay_end"]),
    ],
)
async def test_the_cursor_decides_how_it_begins(
    events: int, cursor: int | None, mode: str, types: list[str], autojump_clock: MockClock
) -> None:
    async with open_hall() as hall:
        epoch = await grow(hall, events) if events else (await hall.world.entry()).log.epoch
        place = None
        if cursor is not None:
            place = Cursor(epoch, cursor) if cursor >= 0 else Cursor("e_another", 1)
        device = await hall.join(cursor=place, batched=False)
        assert [frame["type"] for frame in device.frames] == types
        assert device.frames[0]["mode"] == mode
        assert hall.modes == [mode]


async def test_it_is_attached_for_as_long_as_the_block(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        device = await hall.device()
        entry = device.connection.entry
        assert (len(hall.pool), len(entry.subscribers)) == (0, 0)
        with hall.opening.attached(device.connection):
            await hall.opening.start(device.connection, None, expires_in_s=None)
            assert (len(hall.pool), len(entry.subscribers), len(entry.log.cursors)) == (1, 1, 1)
        assert (len(hall.pool), len(entry.subscribers), len(entry.log.cursors)) == (0, 0, 0)


@pytest.mark.parametrize("fault", ["error", "cancelled", "expelled", "unreadable"])
async def test_it_leaves_however_the_block_ends(fault: str, autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        other = await hall.join()
        device = await hall.device()
        entry = device.connection.entry

        async def live() -> None:
            with hall.opening.attached(device.connection):
                await hall.opening.start(device.connection, None, expires_in_s=None)
                await device.say(type="typing", thread_id="thr_1")
                if fault == "error":
                    raise KeyError(fault)
                if fault == "unreadable":
                    raise RecordUnavailable(fault)
                if fault == "expelled":
                    # The pool made room; somebody came in its place.
                    hall.pool.remove(device.connection)
                    return
                await trio.sleep_forever()

        with trio.move_on_after(1), suppress(KeyError, RecordUnavailable):
            await live()
        assert list(hall.pool) == [other.connection]
        assert list(entry.subscribers.values()) == [other.connection]
        assert len(entry.log.cursors) == 1
        # Whoever left does not type any more.
        assert [frame["is_typing"] for frame in other.frames_of("typing_indicator")] == [
            True,
            False,
        ]


async def test_a_peer_that_breaks_in_the_greeting_is_the_callers_matter(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        device = await hall.device(sink=FakeSink(broken=True))
        with (
            hall.opening.attached(device.connection),
            pytest.raises(trio.BrokenResourceError),
        ):
            await hall.opening.start(device.connection, None, expires_in_s=None)
        assert not device.connection.welcomed
        assert len(hall.pool) == 0


async def test_a_peer_that_takes_nothing_of_the_greeting_is_too_slow(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        device = await hall.device(sink=FakeSink(room=0))
        with hall.opening.attached(device.connection), pytest.raises(trio.TooSlowError):
            await hall.opening.start(device.connection, None, expires_in_s=None)
        assert not device.connection.welcomed


async def test_what_is_live_comes_after_the_greeting(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        await grow(hall)
        device = await hall.device(sink=FakeSink(room=10))
        with hall.opening.attached(device.connection):
            async with trio.open_nursery() as nursery:

                async def start() -> None:
                    await hall.opening.start(device.connection, None, expires_in_s=None)

                nursery.start_soon(start)
                await wait_all_tasks_blocked()
                await grow(hall, 2)
                device.connection.control(b'{"type":"typing_indicator"}')
                device.sink.take()
            await wait_all_tasks_blocked()
            flat = [x for f in device.frames for x in (f if isinstance(f, list) else [f])]
            types = [frame["type"] for frame in flat]
            assert types[:3] == ["welcome", "snapshot", "replay_end"]
            assert sorted(types[3:]) == ["thread_renamed", "thread_renamed", "typing_indicator"]
