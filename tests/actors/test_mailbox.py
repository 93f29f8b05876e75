"""The inbox: order, bounds, cancellation, closing."""

from collections.abc import Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from netra_actors.actors.mailbox import MESSAGES_PER_YIELD, ActorRef, Mailbox, Reply
from netra_actors.errors import ActorStopped, MailboxFull


async def test_messages_come_out_in_the_order_of_their_puts() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 3)
    for number in range(3):
        mailbox.put_nowait(number)
    assert [await mailbox.get() for _ in range(3)] == [0, 1, 2]


async def test_urgent_overtakes_and_keeps_its_own_order() -> None:
    mailbox: Mailbox[str] = Mailbox("a", 8)
    mailbox.put_nowait("first")
    mailbox.put_nowait("stop", urgent=True)
    mailbox.put_nowait("second")
    mailbox.put_nowait("stop again", urgent=True)
    taken = [await mailbox.get() for _ in range(4)]
    assert taken == ["stop", "stop again", "first", "second"]


def test_each_class_has_its_own_bound() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 2, urgent_capacity=1)
    mailbox.put_nowait(0)
    mailbox.put_nowait(1)
    with pytest.raises(MailboxFull) as ordinary:
        mailbox.put_nowait(2)
    mailbox.put_nowait(3, urgent=True)
    with pytest.raises(MailboxFull) as urgent:
        mailbox.put_nowait(4, urgent=True)
    assert (ordinary.value.capacity, urgent.value.capacity) == (2, 1)
    assert ordinary.value.retry_after_s is not None
    assert mailbox.depth == len(mailbox) == 3


@pytest.mark.parametrize(("capacity", "urgent"), [(1, 1), (4, 1), (100, 25)])
def test_urgent_messages_may_fill_a_quarter_by_default(capacity: int, urgent: int) -> None:
    assert Mailbox[int]("a", capacity).urgent_capacity == urgent


@pytest.mark.parametrize(("capacity", "urgent"), [(0, None), (1, 0)])
def test_a_mailbox_without_room_is_refused(capacity: int, urgent: int | None) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mailbox("a", capacity, urgent_capacity=urgent)


def test_a_mailbox_says_who_and_how_full_it_is_and_is_true_when_empty() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 2)
    assert mailbox
    mailbox.put_nowait(1)
    assert repr(mailbox) == "<Mailbox a 1/2>"
    mailbox.close()
    assert repr(mailbox) == "<Mailbox a 1/2 closed>"


async def test_a_put_wakes_the_consumer_once(nursery: trio.Nursery) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    taken: list[int] = []

    async def consume() -> None:
        while True:
            taken.append(await mailbox.get())

    nursery.start_soon(consume)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(1)
    mailbox.put_nowait(2)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(3, urgent=True)
    await wait_all_tasks_blocked()
    assert taken == [1, 2, 3]
    nursery.cancel_scope.cancel(reason="seen enough")


async def test_a_second_reader_is_refused(nursery: trio.Nursery) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    nursery.start_soon(mailbox.get)
    await wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await mailbox.get()
    mailbox.put_nowait(1)


async def test_a_busy_consumer_still_lets_others_run(nursery: trio.Nursery) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 10 * MESSAGES_PER_YIELD)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    for number in range(10 * MESSAGES_PER_YIELD):
        mailbox.put_nowait(number)
    nursery.start_soon(count_turns)
    for _ in range(10 * MESSAGES_PER_YIELD):
        await mailbox.get()
    assert 5 <= turns <= 10
    nursery.cancel_scope.cancel(reason="seen enough")


async def test_a_cancelled_get_takes_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    mailbox.put_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await mailbox.get()
    assert scope.cancelled_caught
    assert await mailbox.get() == 1


async def test_a_get_cancelled_while_it_waits_leaves_the_mailbox_usable(
    autojump_clock: MockClock,
) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    with trio.move_on_after(1) as scope:
        await mailbox.get()
    assert scope.cancelled_caught
    mailbox.put_nowait(1)
    assert await mailbox.get() == 1


async def test_a_put_and_a_cancellation_in_the_same_turn_lose_nothing() -> None:
    for put_first in (True, False):
        mailbox: Mailbox[int] = Mailbox("a", 4)
        taken: list[int] = []

        async def consume(mailbox: Mailbox[int], taken: list[int]) -> None:
            taken.append(await mailbox.get())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume, mailbox, taken)
            await wait_all_tasks_blocked()
            if put_first:
                mailbox.put_nowait(1)
            nursery.cancel_scope.cancel(reason="test")
            if not put_first:
                mailbox.put_nowait(1)
        assert taken + mailbox.drain_remaining() == [1]


async def test_closing_hands_out_the_rest_and_then_raises() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    mailbox.put_nowait(1)
    mailbox.close()
    mailbox.close()
    assert mailbox.closed
    with pytest.raises(ActorStopped):
        mailbox.put_nowait(2)
    assert await mailbox.get() == 1
    with pytest.raises(ActorStopped):
        await mailbox.get()


async def test_a_loop_over_a_mailbox_ends_when_it_is_closed_and_empty() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    taken: list[int] = []
    mailbox.put_nowait(1)
    mailbox.put_nowait(2)
    async for message in mailbox:
        taken.append(message)
        mailbox.close()
    assert taken == [1, 2]


async def test_closing_wakes_a_waiting_consumer(nursery: trio.Nursery) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 4)
    stopped = trio.Event()

    async def consume() -> None:
        with pytest.raises(ActorStopped):
            await mailbox.get()
        stopped.set()

    nursery.start_soon(consume)
    await wait_all_tasks_blocked()
    mailbox.close()
    await stopped.wait()


async def test_what_is_unread_can_be_taken_to_be_refused() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 8)
    for number in range(4):
        mailbox.put_nowait(number, urgent=number == 3)
    mailbox.close()
    assert mailbox.drain_remaining() == [3, 0, 1, 2]
    assert mailbox.drain_remaining() == []


_Step = tuple[str, bool]
_STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "get", "drain", "close"]), st.booleans()), max_size=60
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_STEPS)
def test_a_mailbox_behaves_as_two_lists(steps: list[_Step]) -> None:
    trio.run(_compare_with_two_lists, steps)


async def _compare_with_two_lists(steps: list[_Step]) -> None:
    mailbox: Mailbox[int] = Mailbox("a", 5, urgent_capacity=2)
    ordinary: list[int] = []
    urgent: list[int] = []
    closed = False
    for number, (step, flag) in enumerate(steps):
        waiting = urgent + ordinary
        match step:
            case "put" if closed:
                with pytest.raises(ActorStopped):
                    mailbox.put_nowait(number, urgent=flag)
            case "put" if len(urgent if flag else ordinary) == (2 if flag else 5):
                with pytest.raises(MailboxFull):
                    mailbox.put_nowait(number, urgent=flag)
            case "put":
                mailbox.put_nowait(number, urgent=flag)
                (urgent if flag else ordinary).append(number)
            case "get" if flag or not (waiting or closed):
                with trio.CancelScope() as scope:
                    scope.cancel(reason="this get is cancelled")
                    await mailbox.get()
                assert scope.cancelled_caught
            case "get" if waiting:
                assert await mailbox.get() == (urgent or ordinary).pop(0)
            case "get":
                with pytest.raises(ActorStopped):
                    await mailbox.get()
            case "drain":
                assert mailbox.drain_remaining() == waiting
                urgent.clear()
                ordinary.clear()
            case _:
                mailbox.close()
                closed = True
        assert len(mailbox) == len(urgent) + len(ordinary)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["put", "urgent", "cancel", "turn"]), max_size=60))
def test_no_interleaving_of_puts_and_cancellations_loses_or_reorders(steps: list[str]) -> None:
    trio.run(_put_and_cancel, steps)


async def _put_and_cancel(steps: list[str]) -> None:
    mailbox: Mailbox[tuple[bool, int]] = Mailbox("a", 100, urgent_capacity=100)
    taken: list[tuple[bool, int]] = []
    scopes = [trio.CancelScope()]

    async def consume() -> None:
        while True:
            scopes.append(trio.CancelScope())
            with scopes[-1]:
                taken.append(await mailbox.get())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        for number, step in enumerate(steps):
            match step:
                case "put" | "urgent":
                    mailbox.put_nowait((step == "urgent", number), urgent=step == "urgent")
                case "cancel":
                    scopes[-1].cancel(reason="test")
                case _:
                    await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel(reason="enough")
    seen = taken + mailbox.drain_remaining()
    for urgent, name in ((True, "urgent"), (False, "put")):
        expected = [number for number, step in enumerate(steps) if step == name]
        assert [number for is_urgent, number in seen if is_urgent is urgent] == expected


_Question = tuple[int, Reply[int]]


def _question(number: int) -> Callable[[Reply[int]], _Question]:
    return lambda reply: (number, reply)


async def test_asking_returns_what_the_actor_answers(nursery: trio.Nursery) -> None:
    mailbox: Mailbox[_Question] = Mailbox("doubler", 4)
    ref = ActorRef(mailbox)

    async def run() -> None:
        while True:
            number, reply = await mailbox.get()
            with reply:
                reply.set(2 * number)

    nursery.start_soon(run)
    with assert_checkpoints():
        assert await ref.ask(_question(21)) == 42
    assert await ref.ask(_question(4), urgent=True) == 8
    assert ref.name == "doubler"
    nursery.cancel_scope.cancel(reason="seen enough")


async def test_telling_a_full_or_closed_actor_is_refused_at_once() -> None:
    mailbox: Mailbox[int] = Mailbox("a", 1)
    ref = ActorRef(mailbox)
    ref.tell(1)
    ref.tell(2, urgent=True)
    with pytest.raises(MailboxFull):
        ref.tell(3)
    mailbox.close()
    with pytest.raises(ActorStopped):
        ref.tell(4)


async def test_a_cancelled_ask_leaves_its_message_and_abandons_the_answer(
    autojump_clock: MockClock,
) -> None:
    mailbox: Mailbox[_Question] = Mailbox("a", 4)
    with trio.move_on_after(1) as scope:
        await ActorRef(mailbox).ask(_question(1))
    assert scope.cancelled_caught
    _, reply = await mailbox.get()
    assert reply.abandoned
    reply.set(2)
