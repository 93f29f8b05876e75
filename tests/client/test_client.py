from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netra_actors.client import Applied, Live, Subscription, Unreachable, Update, connect
from netra_actors.errors import ConfigurationError, NotFound
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.state import State


async def test_a_wrong_address_is_said_before_anything_is_tried() -> None:
    with pytest.raises(ConfigurationError):
        async with connect("ftp://h"):
            pytest.fail("that was no address")


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable):
        async with connect(f"127.0.0.1:{unused_tcp_port}"):
            pytest.fail("nobody is there")


async def test_a_state_and_its_cursor_are_gone_on_with(
    service: Any, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def serve() -> None:
        wire = await service.accept()
        hello = await wire.expect("hello")
        assert hello == {
            "type": "hello", "cursor": {"epoch": "e_1", "seq": 3}, "device": "d",
            "thread_id": "thr_1",
        }  # fmt: skip
        wire.welcome("resumed")
        wire.event(4, "thread_created", {"title": "x"})
        wire.say({"type": "replay_end", "seq": 4})

    nursery.start_soon(serve)
    state, updates = State(3), Subscription[Update]()
    async with connect(
        "service:1", opener=service.open, cursor=Cursor(epoch="e_1", seq=3), state=state,
        updates=updates, device="d", thread_id="thr_1",
    ) as session:  # fmt: skip
        assert session.state is state
        seen = [await updates.get() for _ in range(3)]
        assert isinstance(seen[1], Applied)
        assert seen[2] == Live(4)
        assert state.applied == 4


@pytest.mark.parametrize("make", [lambda: NotFound("mine"), lambda: StopAsyncIteration("mine")])
async def test_what_the_block_raises_comes_out_as_it_is(
    service: Any,
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    make: Callable[[], Exception],
) -> None:
    async def serve() -> None:
        wire = await service.accept()
        wire.welcome()

    nursery.start_soon(serve)
    error = make()
    with pytest.raises(type(error), match="mine") as raised:
        async with connect("service:1", opener=service.open):
            raise error
    assert raised.value is error
