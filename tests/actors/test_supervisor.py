"""One_for_one supervision: isolation, quarantine, order of the stop."""

import contextvars
from functools import partial

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from netra_actors.actors import supervisor as supervisor_module
from netra_actors.actors.supervisor import (
    ChildSpec,
    Node,
    Restart,
    RestartBudget,
    open_supervisor,
)
from netra_actors.errors import ActorStopped

_request: contextvars.ContextVar[str] = contextvars.ContextVar("_request", default="none")


async def _crash() -> None:
    raise ValueError("boom")


def _crasher(name: str) -> ChildSpec:
    return ChildSpec(name, _crash, budget=RestartBudget(2, 60))


def _sleeper(name: str) -> ChildSpec:
    return ChildSpec(name, trio.sleep_forever)


def _states(node: Node) -> dict[str, str]:
    return {child.name: child.state for child in node.children}


async def test_a_child_beyond_its_intensity_is_quarantined_and_its_siblings_run_on() -> None:
    with capture_logs() as logs:
        async with open_supervisor("top") as supervisor:
            supervisor.start_child(_sleeper("sibling"))
            supervisor.start_child(_crasher("crasher"))
            await wait_all_tasks_blocked()
            tree = supervisor.snapshot()
            assert _states(tree) == {"sibling": "running", "crasher": "quarantined"}
            assert tree.children[1].restarts == tree.restarts == 2
            assert tree.children[1].detail == {"last_error": "ValueError: boom"}
            assert tree.detail == {"quarantined": 1}
            assert len(supervisor) == 1
    assert [line["event"] for line in logs] == [*["child_crashed"] * 3, "child_quarantined"]


async def test_starting_a_quarantined_child_again_gives_it_a_new_budget() -> None:
    async with open_supervisor("top") as supervisor:
        with capture_logs():
            supervisor.start_child(_crasher("child"))
            await wait_all_tasks_blocked()
        supervisor.start_child(_sleeper("child"))
        assert _states(supervisor.snapshot()) == {"child": "running"}


async def test_a_quarantined_child_is_forgotten_when_it_is_stopped() -> None:
    async with open_supervisor("top") as supervisor:
        with capture_logs():
            supervisor.start_child(_crasher("child"))
            await wait_all_tasks_blocked()
        assert await supervisor.stop_child("child")
        assert not await supervisor.stop_child("child")
        assert supervisor.snapshot().children == ()


async def test_only_so_many_quarantined_children_stay_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "QUARANTINE_CAPACITY", 2)
    async with open_supervisor("top") as supervisor:
        for name in ("oldest", "older", "newest"):
            with capture_logs():
                supervisor.start_child(_crasher(name))
                await wait_all_tasks_blocked()
        assert _states(supervisor.snapshot()) == {"older": "quarantined", "newest": "quarantined"}


async def test_a_child_that_ended_is_not_listed(autojump_clock: MockClock) -> None:
    async with open_supervisor("top") as supervisor:
        supervisor.start_child(ChildSpec("short", partial(trio.sleep, 1)))
        await trio.sleep(2)
        assert supervisor.snapshot().children == ()
        supervisor.start_child(_sleeper("short"))


async def test_a_name_is_taken_until_its_child_has_ended() -> None:
    async with open_supervisor("top") as supervisor:
        supervisor.start_child(_sleeper("child"))
        with pytest.raises(ValueError, match="has a child child already"):
            supervisor.start_child(_sleeper("child"))


async def test_stopping_a_child_waits_until_it_has_ended(autojump_clock: MockClock) -> None:
    ended_at: list[float] = []

    async def slow_to_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(2, shield=True):
                await trio.sleep_forever()
            ended_at.append(trio.current_time())

    async with open_supervisor("top") as supervisor:
        supervisor.start_child(ChildSpec("slow", slow_to_end))
        await wait_all_tasks_blocked()
        started = trio.current_time()
        with trio.move_on_after(1) as scope:
            await supervisor.stop_child("slow")
        assert scope.cancelled_caught
        (node,) = supervisor.snapshot().children
        assert (node.state, node.since_s) == ("stopping", 1)
        assert await supervisor.stop_child("slow")
        assert ended_at == [started + 2]
        assert len(supervisor) == 0


async def test_a_crash_while_being_stopped_reaches_the_log_and_nobody_else() -> None:
    async def crash_in_the_cleanup() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("in the cleanup")

    async with open_supervisor("top") as supervisor:
        supervisor.start_child(_sleeper("sibling"))
        supervisor.start_child(ChildSpec("child", crash_in_the_cleanup, Restart.PERMANENT))
        await wait_all_tasks_blocked()
        with capture_logs() as logs:
            await supervisor.stop_child("child")
        assert [line["event"] for line in logs] == ["child_crashed"]
        assert _states(supervisor.snapshot()) == {"sibling": "running"}


class Enders:
    """Children that take a while to end and write down when they did."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, float]] = []

    def spec(self, name: str, lasts_s: float = 1.0) -> ChildSpec:
        async def run() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.move_on_after(lasts_s, shield=True):
                    await trio.sleep_forever()
                self.ended.append((name, trio.current_time()))

        return ChildSpec(name, run)


@pytest.mark.parametrize("leave", ["end", "error", "cancellation"])
async def test_leaving_the_block_stops_the_youngest_first_one_by_one(
    leave: str, autojump_clock: MockClock
) -> None:
    enders = Enders()
    started = trio.current_time()
    with (
        pytest.RaisesGroup(ValueError) if leave == "error" else trio.CancelScope(),
        trio.CancelScope() as scope,
    ):
        async with open_supervisor("top") as supervisor:
            for name in "abc":
                supervisor.start_child(enders.spec(name))
            await wait_all_tasks_blocked()
            if leave == "error":
                raise ValueError("out of the block")
            if leave == "cancellation":
                scope.cancel(reason="test")
                await trio.sleep_forever()
    assert enders.ended == [("c", started + 1), ("b", started + 2), ("a", started + 3)]
    with pytest.raises(ActorStopped):
        supervisor.start_child(enders.spec("late"))


async def test_a_child_that_overstays_does_not_hold_up_the_next(
    autojump_clock: MockClock,
) -> None:
    enders = Enders()
    started = trio.current_time()
    with capture_logs() as logs:
        async with open_supervisor("top", child_grace_s=2) as supervisor:
            supervisor.start_child(enders.spec("old"))
            supervisor.start_child(enders.spec("stubborn", 30))
            await wait_all_tasks_blocked()
    assert enders.ended == [("old", started + 3), ("stubborn", started + 30)]
    assert [(line["event"], line["name"]) for line in logs] == [("child_overstays", "stubborn")]


async def test_the_orderly_stop_has_a_deadline_for_all_children_together(
    autojump_clock: MockClock,
) -> None:
    enders = Enders()
    started = trio.current_time()
    async with open_supervisor("top", block_grace_s=1.5) as supervisor:
        for name in "abcd":
            supervisor.start_child(enders.spec(name))
        await wait_all_tasks_blocked()
    assert enders.ended[0] == ("d", started + 1)
    assert sorted(enders.ended[1:]) == [
        ("a", started + 2.5),
        ("b", started + 2.5),
        ("c", started + 2),
    ]


async def test_an_interrupt_in_a_child_ends_the_block_in_order(autojump_clock: MockClock) -> None:
    async def interrupt() -> None:
        await trio.sleep(1)
        raise KeyboardInterrupt

    enders = Enders()
    with pytest.RaisesGroup(KeyboardInterrupt):
        async with open_supervisor("top") as supervisor:
            supervisor.start_child(enders.spec("a"))
            supervisor.start_child(ChildSpec("interrupt", interrupt))
            supervisor.start_child(enders.spec("b"))
            await trio.sleep_forever()
    assert [name for name, _ in enders.ended] == ["b", "a"]


async def test_a_child_does_not_see_the_context_of_the_one_who_started_it() -> None:
    seen: list[str] = []

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        seen.append(_request.get())

    async def start_from_a_request() -> None:
        _request.set("a request")
        supervisor.start_child(ChildSpec("child", look))

    token = _request.set("the service")
    async with open_supervisor("top") as supervisor:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(start_from_a_request)
        await wait_all_tasks_blocked()
    _request.reset(token)
    assert seen == ["the service"]


async def test_a_snapshot_shows_what_a_child_tells_about_itself(
    autojump_clock: MockClock,
) -> None:
    inner = Node(name="loop", detail={"depth": 3})
    spec = ChildSpec("session", trio.sleep_forever, kind="session", describe=lambda: [inner])
    async with open_supervisor("top") as supervisor:
        supervisor.start_child(spec)
        await trio.sleep(7)
        assert supervisor.snapshot() == Node(
            name="top",
            kind="supervisor",
            since_s=7,
            detail={"quarantined": 0},
            children=(Node(name="session", kind="session", since_s=7, children=(inner,)),),
        )


async def test_a_restart_is_counted_and_sets_the_age_back(autojump_clock: MockClock) -> None:
    crashes = iter([ValueError("x" * 5000)])

    async def run() -> None:
        await trio.sleep(5)
        for crash in crashes:
            raise crash
        await trio.sleep_forever()

    async with open_supervisor("top") as supervisor:
        with capture_logs():
            supervisor.start_child(ChildSpec("child", run))
            await trio.sleep(6)
        (node,) = supervisor.snapshot().children
        assert (node.restarts, node.since_s) == (1, 1)
        assert len(str(node.detail["last_error"])) == 500
