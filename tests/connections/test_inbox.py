import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.connections.inbox import Inbox


async def test_events_come_out_in_the_order_they_went_in() -> None:
    inbox = Inbox()
    for index in range(3):
        await inbox.put({"index": index}, 1)
    assert [(await inbox.receive())["index"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(("size", "fit"), [(1, 64), (64 * 1024, 4)])
async def test_a_put_waits_at_the_bound_of_items_and_of_bytes(
    nursery: trio.Nursery, size: int, fit: int
) -> None:
    inbox = Inbox()

    async def put_many() -> None:
        for index in range(fit + 2):
            await inbox.put({"index": index}, size)

    nursery.start_soon(put_many)
    await wait_all_tasks_blocked()
    assert len(inbox) == fit
    assert (await inbox.receive())["index"] == 0
    await wait_all_tasks_blocked()
    assert len(inbox) == fit
    nursery.cancel_scope.cancel()


async def test_a_cancelled_put_was_not_queued(autojump_clock: MockClock) -> None:
    inbox = Inbox(max_items=1)
    await inbox.put({"index": 0}, 1)
    with trio.move_on_after(1) as scope:
        await inbox.put({"index": 1}, 1)
    assert scope.cancelled_caught
    assert len(inbox) == 1


async def test_the_last_event_never_waits_and_frees_who_does(nursery: trio.Nursery) -> None:
    inbox = Inbox(max_items=1)
    await inbox.put({"index": 0}, 1)
    nursery.start_soon(inbox.put, {"index": 1}, 1)
    await wait_all_tasks_blocked()
    inbox.finish({"index": "last"})
    assert [(await inbox.receive())["index"] for _ in range(3)] == [0, "last", "last"]


async def test_a_waiting_receive_gets_what_comes(nursery: trio.Nursery) -> None:
    inbox, got = Inbox(), []

    async def receive() -> None:
        got.extend([await inbox.receive(), await inbox.receive()])

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    await inbox.put({"index": 0}, 1)
    await wait_all_tasks_blocked()
    assert got == []
    inbox.finish({"index": "last"})
    await wait_all_tasks_blocked()
    assert got == [{"index": 0}, {"index": "last"}]
