"""The answer to one question."""

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from netra_actors.actors.reply import Reply
from netra_actors.errors import ActorStopped


async def test_an_answer_given_before_the_wait_is_returned() -> None:
    reply: Reply[int] = Reply()
    reply.set(1)
    assert reply.settled
    with assert_checkpoints():
        assert await reply.wait() == 1


async def test_an_answer_wakes_the_waiter(nursery: trio.Nursery) -> None:
    reply: Reply[int] = Reply()
    answers: list[int] = []

    async def ask() -> None:
        answers.append(await reply.wait())

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert not reply.settled
    reply.set(1)
    await wait_all_tasks_blocked()
    assert answers == [1]


async def test_an_error_is_raised_in_the_waiter() -> None:
    reply: Reply[int] = Reply()
    reply.fail(KeyError("gone"))
    with pytest.raises(KeyError, match="gone"):
        await reply.wait()


async def test_a_reply_is_settled_once_even_when_nobody_listens() -> None:
    reply: Reply[int] = Reply()
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await reply.wait()
    assert reply.abandoned
    reply.set(1)
    assert reply._value is None
    with pytest.raises(RuntimeError, match="once"):
        reply.set(2)
    with pytest.raises(RuntimeError, match="once"):
        reply.fail(ValueError("late"))


async def test_the_error_of_an_abandoned_question_is_discarded(autojump_clock: MockClock) -> None:
    reply: Reply[int] = Reply()
    with trio.move_on_after(1):
        await reply.wait()
    reply.fail(ValueError("nobody hears this"))
    assert reply.settled
    assert reply._error is None


async def test_a_reply_has_one_waiter_once() -> None:
    reply: Reply[int] = Reply()
    reply.set(1)
    await reply.wait()
    with pytest.raises(RuntimeError, match="one waiter"):
        await reply.wait()


async def test_an_actor_that_crashes_on_a_question_does_not_leave_its_asker_waiting() -> None:
    reply: Reply[int] = Reply()
    with pytest.raises(ValueError, match="boom"), reply:
        raise ValueError("boom")
    with pytest.raises(ActorStopped):
        await reply.wait()


async def test_a_block_that_answered_adds_nothing() -> None:
    reply: Reply[int] = Reply()
    with reply:
        reply.set(1)
    assert await reply.wait() == 1
