import pytest
import trio

from netra_actors.client.pending import BOUND, PendingCommands
from netra_actors.errors import Busy, Conflict


def test_commands_are_taken_once_a_connection_and_in_order() -> None:
    pending = PendingCommands()
    pending.add("a", "frame a")
    pending.add("b", "frame b")
    assert pending.take_unsent() == ["frame a", "frame b"]
    assert pending.take_unsent() == []
    pending.reconnected()
    pending.add("c", "frame c")
    assert pending.take_unsent() == ["frame a", "frame b", "frame c"]


async def test_an_answer_reaches_who_waits_and_is_not_sent_again() -> None:
    pending = PendingCommands()
    command = pending.add("a", "frame")
    assert pending.settle("a", {"run_id": "r"})
    assert await command.wait_answer() == {"run_id": "r"}
    pending.reconnected()
    assert pending.take_unsent() == []
    assert not pending.settle("a", {})


async def test_an_error_is_raised_to_who_waits() -> None:
    pending = PendingCommands()
    command = pending.add("a", "frame")
    pending.settle("a", Conflict("no"))
    with pytest.raises(Conflict):
        await command.wait_answer()


async def test_the_end_answers_everybody() -> None:
    pending = PendingCommands()
    commands = [pending.add(name, name) for name in "ab"]
    pending.fail_all(ValueError("over"))
    assert len(pending) == 0
    for command in commands:
        with pytest.raises(ValueError, match="over"):
            await command.wait_answer()


def test_a_forgotten_command_is_not_sent_again_but_its_namesake_is() -> None:
    pending = PendingCommands()
    first = pending.add("a", "first")
    pending.add("a", "second")
    pending.forget(first)
    assert pending.take_unsent() == ["second"]


def test_beyond_the_bound_a_command_is_refused() -> None:
    pending = PendingCommands()
    for number in range(BOUND):
        pending.add(str(number), "")
    with pytest.raises(Busy):
        pending.add("one more", "")


async def test_a_cancelled_waiter_leaves_the_command_as_it_is() -> None:
    pending = PendingCommands()
    command = pending.add("a", "frame")
    with trio.move_on_after(0):
        await command.wait_answer()
    assert pending.take_unsent() == ["frame"]
