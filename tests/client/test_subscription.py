import gc
import weakref

import pytest
import trio
import trio.testing

from netra_actors.client.errors import ReaderTooSlow, SessionEnded
from netra_actors.client.subscription import Subscription


async def test_items_come_in_order_and_end_with_the_session() -> None:
    subscription: Subscription[int] = Subscription()
    for item in range(3):
        subscription.put(item)
    subscription.end()
    assert [item async for item in subscription] == [0, 1, 2]


async def test_a_waiting_reader_is_woken(nursery: trio.Nursery) -> None:
    subscription: Subscription[str] = Subscription()
    got: list[str] = []

    async def read() -> None:
        got.append(await subscription.get())

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    subscription.put("x")
    await trio.testing.wait_all_tasks_blocked()
    assert got == ["x"]


async def test_the_bound_gives_up_the_iterator_and_frees_what_it_held() -> None:
    subscription: Subscription[int] = Subscription(bound=2)
    for item in range(4):
        subscription.put(item)
    assert subscription.unread == 0
    with pytest.raises(ReaderTooSlow, match="2 events are waiting"):
        await subscription.get()


async def test_the_reason_of_the_end_is_raised_after_what_was_queued() -> None:
    subscription: Subscription[int] = Subscription()
    subscription.put(1)
    subscription.end(SessionEnded("gone"))
    subscription.end()
    assert await subscription.get() == 1
    with pytest.raises(SessionEnded, match="gone"):
        await subscription.get()


async def test_a_cancelled_reader_takes_nothing() -> None:
    subscription: Subscription[int] = Subscription()
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        subscription.put(1)
        await subscription.__anext__()
    assert subscription.unread == 1


def test_a_subscription_nobody_holds_goes_away() -> None:
    subscription: Subscription[int] = Subscription()
    reference = weakref.ref(subscription)
    del subscription
    gc.collect()
    assert reference() is None
