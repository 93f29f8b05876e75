"""One live entry per key, whatever happens at the same time."""

import contextvars
from collections.abc import Iterable
from functools import partial

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.actors.registry import STOPS_AT_ONCE, Registry, open_registry
from netra_actors.errors import ActorStopped, MailboxFull, Unavailable

_request: contextvars.ContextVar[str] = contextvars.ContextVar("_request", default="none")


@attrs.define(eq=False)
class Entry:
    """What the registries below hold."""

    key: str
    state: str = "live"


class House:
    """Starts and stops entries, slowly and not always well, and watches single activation."""

    def __init__(self, start_s: float = 1.0, stop_s: float = 1.0) -> None:
        self.start_s = start_s
        self.stop_s = stop_s
        self.fail_starts: Iterable[Exception] = iter(())
        self.fail_stops: Iterable[Exception] = iter(())
        self.active: set[str] = set()
        self.starts: list[str] = []
        self.stops: list[str] = []
        self.seen_requests: list[str] = []

    async def start(self, key: str) -> Entry:
        assert key not in self.active
        self.active.add(key)
        self.starts.append(key)
        self.seen_requests.append(_request.get())
        entry = None
        try:
            await trio.sleep(self.start_s)
            for error in self.fail_starts:
                raise error
            entry = Entry(key)
        finally:
            if entry is None:
                self.active.discard(key)
        return entry

    async def stop(self, entry: Entry) -> None:
        assert entry.state == "live"
        entry.state = "stopping"
        self.seen_requests.append(_request.get())
        try:
            await trio.sleep(self.stop_s)
            for error in self.fail_stops:
                raise error
        finally:
            entry.state = "stopped"
            self.active.discard(entry.key)
            self.stops.append(entry.key)


def _always(_entry: Entry) -> bool:
    return True


def _never(_entry: Entry) -> bool:
    return False


async def test_callers_at_the_same_time_share_one_start(autojump_clock: MockClock) -> None:
    house = House()
    entries: list[Entry] = []

    async def call(registry: Registry[str, Entry]) -> None:
        entries.append(await registry.get("a"))

    async with open_registry(house.start, house.stop) as registry:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(call, registry)
        assert len({id(entry) for entry in entries}) == 1
        assert len(entries) == 5
        assert await registry.get("a") is entries[0] is registry.peek("a")
        assert registry.items() == (("a", entries[0]),)
        assert len(registry) == 1
    assert house.starts == house.stops == ["a"]
    assert registry
    assert registry.peek("a") is None


async def test_the_first_callers_cancellation_does_not_break_the_others(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(0.5) as scope:
                nursery.start_soon(registry.get, "a")
                await registry.get("a")
        assert scope.cancelled_caught
        assert len(registry) == 1
    assert house.starts == ["a"]


async def test_a_start_that_nobody_waits_for_any_more_still_gives_an_entry(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        with trio.move_on_after(0.5):
            await registry.get("a")
        await trio.sleep(1)
        assert registry.peek("a") is not None


async def test_a_failed_start_is_raised_to_every_waiter_and_then_forgotten(
    autojump_clock: MockClock,
) -> None:
    house = House()
    failure = Unavailable("the record is down", retry_after_s=2.5)
    house.fail_starts = iter([failure])
    heard: list[Unavailable] = []

    async def call(registry: Registry[str, Entry]) -> None:
        try:
            await registry.get("a")
        except Unavailable as error:
            heard.append(error)

    async with open_registry(house.start, house.stop) as registry:
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(call, registry)
        assert len({id(error) for error in [*heard, failure]}) == 4
        for error in heard:
            assert error.__cause__ is failure
            assert (str(error), error.retry_after_s) == ("the record is down", 2.5)
        assert logs == []
        assert len(registry) == 0
        assert (await registry.get("a")).state == "live"


async def test_a_waiters_copy_needs_no_arguments_of_the_errors_constructor(
    autojump_clock: MockClock,
) -> None:
    house = House()
    house.fail_starts = iter([MailboxFull("loop", 64)])
    async with open_registry(house.start, house.stop) as registry:
        with pytest.raises(MailboxFull) as excinfo:
            await registry.get("a")
        assert (excinfo.value.actor, excinfo.value.capacity) == ("loop", 64)


async def test_a_failed_start_that_nobody_hears_is_logged(autojump_clock: MockClock) -> None:
    house = House()
    house.fail_starts = iter([ValueError("boom")])
    with capture_logs() as logs:
        async with open_registry(house.start, house.stop) as registry:
            with trio.move_on_after(0.5):
                await registry.get("a")
            await trio.sleep(1)
    assert [(line["event"], line["key"]) for line in logs] == [("entry_start_failed", "a")]


async def test_dropping_waits_for_the_stop_and_a_get_meanwhile_starts_anew(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        first = await registry.get("a")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.drop, "a", _always)
            await wait_all_tasks_blocked()
            assert first.state == "stopping"
            assert registry.peek("a") is None
            assert not await registry.drop("a", _always)
            second = await registry.get("a")
            assert first.state == "stopped"
        assert second is not first
    assert house.starts == ["a", "a"]


async def test_an_entry_that_is_not_idle_or_not_there_is_not_dropped(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        entry = await registry.get("a")
        assert not await registry.drop("a", _never)
        assert not await registry.drop("b", _always)
        assert registry.peek("a") is entry
        assert await registry.drop("a", _always)
        assert len(registry) == 0


async def test_a_cancelled_drop_goes_on(autojump_clock: MockClock) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        entry = await registry.get("a")
        with trio.move_on_after(0.5) as scope:
            await registry.drop("a", _always)
        assert scope.cancelled_caught
        await trio.sleep(1)
        assert entry.state == "stopped"


async def test_a_failed_stop_is_logged_and_its_entry_is_gone(autojump_clock: MockClock) -> None:
    house = House()
    house.fail_stops = iter([ValueError("boom")])
    async with open_registry(house.start, house.stop, name="houses") as registry:
        first = await registry.get("a")
        with capture_logs() as logs:
            assert await registry.drop("a", _always)
        assert [(line["event"], line["registry"]) for line in logs] == [
            ("entry_stop_failed", "houses")
        ]
        assert await registry.get("a") is not first


async def test_a_stop_that_takes_too_long_is_cut(autojump_clock: MockClock) -> None:
    house = House(stop_s=100)
    async with open_registry(house.start, house.stop, stop_grace_s=3) as registry:
        await registry.get("a")
        started = trio.current_time()
        with capture_logs() as logs:
            assert await registry.drop("a", _always)
        assert trio.current_time() - started == 3
        assert [line["event"] for line in logs] == ["entry_stop_cut"]


async def test_all_idle_entries_are_dropped_and_the_others_stay(
    autojump_clock: MockClock,
) -> None:
    house = House(start_s=0)
    async with open_registry(house.start, house.stop) as registry:
        for number in range(3 * STOPS_AT_ONCE):
            await registry.get(str(number))
        started = trio.current_time()
        assert await registry.drop_idle(lambda entry: entry.key != "7") == 3 * STOPS_AT_ONCE - 1
        assert trio.current_time() - started == 3
        assert registry.items() == (("7", registry.peek("7")),)
        assert await registry.drop_idle(_never) == 0


async def test_closing_stops_everything_and_refuses_new_calls(autojump_clock: MockClock) -> None:
    house = House()
    async with open_registry(house.start, house.stop) as registry:
        for key in ("live", "stopping"):
            await registry.get(key)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.drop, "stopping", _always)
            nursery.start_soon(_expect_stopped, registry, "starting")
            await wait_all_tasks_blocked()
            nursery.start_soon(_expect_stopped, registry, "stopping")
            await wait_all_tasks_blocked()
            await registry.close()
        assert house.active == set()
        assert sorted(house.stops) == ["live", "stopping"]
        with pytest.raises(ActorStopped):
            await registry.get("live")
        await registry.close()


async def _expect_stopped(registry: Registry[str, Entry], key: str) -> None:
    with pytest.raises(ActorStopped):
        await registry.get(key)


async def test_a_start_that_ends_well_in_spite_of_the_close_is_stopped_again(
    autojump_clock: MockClock,
) -> None:
    house = House()

    async def start_shielded(key: str) -> Entry:
        with trio.move_on_after(5, shield=True):
            return await house.start(key)
        raise AssertionError

    async with open_registry(start_shielded, house.stop) as registry:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect_stopped, registry, "a")
            await wait_all_tasks_blocked()
            await registry.close()
        assert house.stops == ["a"]


async def test_a_cancelled_block_cancels_starts_and_gives_stops_their_grace(
    autojump_clock: MockClock,
) -> None:
    house = House()
    with trio.CancelScope() as scope:
        async with open_registry(house.start, house.stop) as registry:
            entry = await registry.get("a")
            with trio.move_on_after(0.5):
                await registry.get("b")
            scope.cancel(reason="test")
            await trio.sleep_forever()
    assert entry.state == "stopped"
    assert house.stops == ["a"]
    assert house.active == set()


async def test_a_cancelled_block_stops_more_entries_than_fit_side_by_side(
    autojump_clock: MockClock,
) -> None:
    house = House(start_s=0)
    with trio.CancelScope() as scope:
        async with open_registry(house.start, house.stop) as registry:
            for number in range(STOPS_AT_ONCE + 1):
                await registry.get(str(number))
            scope.cancel(reason="test")
    assert len(house.stops) == STOPS_AT_ONCE + 1


async def test_a_start_that_fails_in_a_group_is_raised_as_one(autojump_clock: MockClock) -> None:
    house = House()
    house.fail_starts = iter([ExceptionGroup("two at once", [ValueError("a"), KeyError("b")])])
    async with open_registry(house.start, house.stop) as registry:
        with pytest.RaisesGroup(ValueError, KeyError):
            await registry.get("a")


async def test_a_waiter_outside_of_a_cancelled_block_hears_of_it(
    autojump_clock: MockClock,
) -> None:
    house = House()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with open_registry(house.start, house.stop) as registry:
                nursery.start_soon(_expect_stopped, registry, "a")
                await wait_all_tasks_blocked()
                scope.cancel(reason="test")
                with trio.move_on_after(5, shield=True):
                    await trio.sleep_forever()
    assert house.starts == ["a"]


async def test_closing_has_a_deadline_for_all_entries_together(
    autojump_clock: MockClock,
) -> None:
    house = House(start_s=0, stop_s=10)
    with capture_logs() as logs:
        async with open_registry(
            house.start, house.stop, stop_grace_s=4, close_grace_s=6
        ) as registry:
            for number in range(3 * STOPS_AT_ONCE):
                await registry.get(str(number))
            started = trio.current_time()
    assert trio.current_time() - started == 8
    (left,) = [line for line in logs if line["event"] == "entries_left"]
    assert left["count"] == STOPS_AT_ONCE
    assert len(registry) == 0
    assert not await registry.drop("95", _always)


async def test_an_entry_does_not_see_the_context_of_the_one_who_asked(
    autojump_clock: MockClock,
) -> None:
    house = House()

    async def ask_from_a_request(registry: Registry[str, Entry]) -> None:
        _request.set("a request")
        await registry.get("a")
        await registry.drop("a", _always)

    token = _request.set("the service")
    async with open_registry(house.start, house.stop) as registry, trio.open_nursery() as nursery:
        nursery.start_soon(ask_from_a_request, registry)
    _request.reset(token)
    assert house.seen_requests == ["the service", "the service"]


@attrs.frozen
class Step:
    """One task of the interleaving: what it does to which key, when, and for how long."""

    action: str
    key: str
    at_s: int
    patience_s: int


_STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["get", "get", "get", "drop", "drop_idle", "hold", "close"]),
        st.sampled_from("ab"),
        st.integers(0, 12),
        st.integers(0, 6),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(steps=_STEPS, failing=st.sets(st.integers(0, 5)))
def test_no_interleaving_activates_a_key_twice(steps: list[Step], failing: set[int]) -> None:
    trio.run(_interleave, steps, failing, clock=MockClock(autojump_threshold=0))


async def _interleave(steps: list[Step], failing: set[int]) -> None:
    house = House(start_s=2, stop_s=3)
    house.fail_starts = _Failures(failing)
    held: set[Entry] = set()

    async def take(registry: Registry[str, Entry], step: Step) -> None:
        await trio.sleep(step.at_s)
        with trio.move_on_after(step.patience_s):
            match step.action:
                case "get" | "hold":
                    await _get(registry, step)
                case "drop":
                    await registry.drop(step.key, lambda entry: entry not in held)
                case "drop_idle":
                    await registry.drop_idle(lambda entry: entry not in held)
                case _ if step.at_s > 8:
                    await registry.close()

    async def _get(registry: Registry[str, Entry], step: Step) -> None:
        try:
            entry = await registry.get(step.key)
        except (ActorStopped, Unavailable):
            return
        assert entry.state == "live"
        assert registry.peek(step.key) is entry
        if step.action == "hold":
            held.add(entry)
            try:
                await trio.sleep(3)
                assert entry.state == "live" or registry._closed
            finally:
                held.discard(entry)

    with trio.fail_after(120), capture_logs():
        async with open_registry(house.start, house.stop) as registry:
            async with trio.open_nursery() as nursery:
                for step in steps:
                    nursery.start_soon(partial(take, registry, step))
            assert not set(registry._live) & set(registry._changing)
    assert house.active == set()
    assert not registry._changing


class _Failures:
    """Fails the starts with these numbers."""

    def __init__(self, numbers: set[int]) -> None:
        self._numbers = numbers
        self._count = 0

    def __iter__(self) -> "_Failures":
        return self

    def __next__(self) -> Exception:
        self._count += 1
        if self._count in self._numbers:
            return Unavailable("this one fails")
        raise StopIteration
