"""Who types where: told to the others, over when it is not renewed."""

import pytest
import trio
from trio.testing import MockClock

from netra_actors.connections.typing import MAX_THREADS, TYPING_S, Typing

Told = list[tuple[str | None, bool]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def typing(told: Told) -> Typing:
    return Typing(lambda thread_id, on: told.append((thread_id, on)))


async def test_it_is_told_when_it_begins_and_when_it_ends(
    typing: Typing, told: Told, autojump_clock: MockClock
) -> None:
    typing.note("t", on=True)
    typing.note("t", on=False)
    assert told == [("t", True), ("t", False)]


async def test_it_ends_by_itself_unless_it_is_renewed(
    typing: Typing, told: Told, autojump_clock: MockClock
) -> None:
    typing.note("t", on=True)
    await trio.sleep(TYPING_S - 1)
    typing.note("t", on=True)
    await trio.sleep(TYPING_S - 1)
    typing.expire(trio.current_time())
    assert told == [("t", True), ("t", True)]
    await trio.sleep(1)
    typing.expire(trio.current_time())
    typing.expire(trio.current_time())
    assert told == [("t", True), ("t", True), ("t", False)]


async def test_who_leaves_types_nowhere(
    typing: Typing, told: Told, autojump_clock: MockClock
) -> None:
    typing.note("a", on=True)
    typing.note(None, on=True)
    typing.stop()
    typing.stop()
    assert told[2:] == [("a", False), (None, False)]


async def test_typing_in_too_many_threads_ends_it_in_the_first(
    typing: Typing, told: Told, autojump_clock: MockClock
) -> None:
    for number in range(MAX_THREADS + 1):
        typing.note(str(number), on=True)
    assert told[-1] == ("0", False)
    typing.stop()
    assert len([one for one in told if not one[1]]) == MAX_THREADS + 1
