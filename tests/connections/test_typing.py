"""Who types where: told, renewed, over after 5 s, bounded."""

import trio
from trio.testing import MockClock

from netra_actors.connections.typing import MAX_THREADS, TYPING_S, Typing


def make() -> tuple[Typing, list[tuple[str | None, bool]]]:
    told: list[tuple[str | None, bool]] = []
    return Typing(lambda thread_id, on: told.append((thread_id, on))), told


async def test_each_beginning_and_end_is_told(autojump_clock: MockClock) -> None:
    typing, told = make()
    typing.note("thr_1", on=True)
    typing.note(None, on=True)
    typing.note("thr_1", on=False)
    assert told == [("thr_1", True), (None, True), ("thr_1", False)]


async def test_it_is_over_after_five_seconds_unless_renewed(autojump_clock: MockClock) -> None:
    typing, told = make()
    typing.note("thr_1", on=True)
    typing.note("thr_2", on=True)
    await trio.sleep(TYPING_S - 1)
    typing.note("thr_2", on=True)
    typing.expire(trio.current_time())
    assert told == [("thr_1", True), ("thr_2", True), ("thr_2", True)]
    await trio.sleep(1)
    typing.expire(trio.current_time())
    assert told[3:] == [("thr_1", False)]
    await trio.sleep(TYPING_S - 1)
    typing.expire(trio.current_time())
    typing.expire(trio.current_time())
    assert told[4:] == [("thr_2", False)]


async def test_who_types_in_too_many_threads_stops_in_the_first(autojump_clock: MockClock) -> None:
    typing, told = make()
    for number in range(MAX_THREADS):
        typing.note(f"thr_{number}", on=True)
    typing.note("thr_0", on=True)  # renewed: it is the newest now
    assert all(on for _, on in told)
    typing.note("one more", on=True)
    assert told[-1] == ("thr_1", False)
    typing.stop()
    assert len(told) == MAX_THREADS + 3 + MAX_THREADS


async def test_a_stop_ends_it_everywhere_once(autojump_clock: MockClock) -> None:
    typing, told = make()
    typing.note("thr_1", on=True)
    typing.note("thr_2", on=True)
    typing.stop()
    typing.stop()
    assert told[2:] == [("thr_1", False), ("thr_2", False)]
