"""Restart types, intensity and the crash boundary."""

from collections.abc import Callable, Coroutine

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from netra_actors.actors.restart import ChildSpec, Node, Restart, RestartBudget, supervise
from netra_actors.errors import RestartIntensityExceeded

_ONCE = RestartBudget(intensity=1, period_s=5)


@pytest.mark.parametrize(
    ("restart", "crashed", "again"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.PERMANENT, False, True),
        (Restart.TRANSIENT, True, True),
        (Restart.TRANSIENT, False, False),
        (Restart.TEMPORARY, True, False),
        (Restart.TEMPORARY, False, False),
    ],
)
def test_the_restart_type_decides(restart: Restart, crashed: bool, again: bool) -> None:
    assert restart.applies(crashed=crashed) is again


@given(
    gaps=st.lists(st.floats(0, 10), max_size=50),
    intensity=st.integers(0, 5),
    period_s=st.floats(0.1, 20),
)
def test_a_budget_refuses_exactly_the_restarts_beyond_its_intensity(
    gaps: list[float], intensity: int, period_s: float
) -> None:
    budget = RestartBudget(intensity, period_s)
    times: list[float] = []
    for gap in gaps:
        now = gap + (times[-1] if times else 0.0)
        times.append(now)
        within = sum(time >= now - period_s for time in times)
        if within > intensity:
            with pytest.raises(RestartIntensityExceeded):
                budget.spend(now=now)
        else:
            budget.spend(now=now)
        assert len(budget._restarts) <= intensity + 1
    assert budget.unspent() == RestartBudget(intensity, period_s)


@pytest.mark.parametrize(("intensity", "period_s"), [(-1, 5.0), (3, 0.0)])
def test_a_budget_that_cannot_be_is_refused(intensity: int, period_s: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        RestartBudget(intensity, period_s)


class Crasher:
    """Runs for a second, then crashes, *times* times; then ends normally."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.ends: list[float] = []

    async def __call__(self) -> None:
        await trio.sleep(1)
        self.ends.append(trio.current_time())
        if len(self.ends) <= self.times:
            raise ValueError(f"crash {len(self.ends)}")


async def test_a_transient_child_is_restarted_until_it_ends_normally(
    autojump_clock: MockClock,
) -> None:
    run = Crasher(2)
    crashes: list[str] = []
    restarts: list[int] = []
    with capture_logs() as logs:
        await supervise(
            ChildSpec("crasher", run),
            on_crash=lambda error: crashes.append(str(error)),
            on_restart=restarts.append,
        )
    assert len(run.ends) == 3
    assert crashes == ["crash 1", "crash 2"]
    assert restarts == [1, 2]
    assert [(line["event"], line["name"], line["restarts"]) for line in logs] == [
        ("child_crashed", "crasher", 0),
        ("child_crashed", "crasher", 1),
    ]
    assert isinstance(logs[0]["exc_info"], ValueError)


async def test_a_temporary_child_stays_down_after_its_crash(autojump_clock: MockClock) -> None:
    run = Crasher(9)
    with capture_logs() as logs:
        await supervise(ChildSpec("crasher", run, Restart.TEMPORARY))
    assert len(run.ends) == len(logs) == 1


async def test_a_crash_loop_exceeds_the_intensity(autojump_clock: MockClock) -> None:
    run = Crasher(99)
    started = trio.current_time()
    budget = RestartBudget(intensity=3, period_s=60)
    with pytest.raises(RestartIntensityExceeded) as excinfo, capture_logs():
        await supervise(ChildSpec("crasher", run, budget=budget))
    assert isinstance(excinfo.value.__cause__, ValueError)
    assert [at - started for at in run.ends] == [1, 2, 3, 4]
    assert budget == RestartBudget(intensity=3, period_s=60)


async def test_slow_crashes_stay_within_the_intensity(autojump_clock: MockClock) -> None:
    run = Crasher(20)
    with capture_logs():
        await supervise(ChildSpec("crasher", run, budget=RestartBudget(1, 0.9)))
    assert len(run.ends) == 21


async def test_a_permanent_child_that_ends_normally_too_often_is_given_up(
    autojump_clock: MockClock,
) -> None:
    run = Crasher(0)
    with pytest.raises(RestartIntensityExceeded) as excinfo, capture_logs() as logs:
        await supervise(ChildSpec("ender", run, Restart.PERMANENT, _ONCE))
    assert excinfo.value.__cause__ is None
    assert len(run.ends) == 2
    assert logs == []


async def test_the_pause_before_a_restart_is_kept(autojump_clock: MockClock) -> None:
    run = Crasher(1)
    started = trio.current_time()
    with capture_logs():
        await supervise(ChildSpec("crasher", run, backoff_s=10))
    assert [at - started for at in run.ends] == [1, 12]


async def test_what_the_crash_callback_raises_ends_the_supervision() -> None:
    async def run() -> None:
        raise ValueError("boom")

    def give_up(error: Exception) -> None:
        raise LookupError("the callback's own") from error

    with pytest.raises(LookupError), capture_logs():
        await supervise(ChildSpec("crasher", run), on_crash=give_up)


async def _sleep_for_ever() -> None:
    await trio.sleep_forever()


async def _crash_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("in the cleanup")


async def _crash_in_a_group_when_cancelled() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_crash_when_cancelled)
        nursery.start_soon(trio.sleep_forever)


@pytest.mark.parametrize(
    ("run", "crashes"),
    [
        (_sleep_for_ever, 0),
        (_crash_when_cancelled, 1),
        (_crash_in_a_group_when_cancelled, 1),
    ],
)
@pytest.mark.parametrize("restart", list(Restart))
async def test_a_cancelled_child_is_not_restarted_and_its_last_crash_is_heard(
    run: Callable[[], Coroutine[None, None, None]],
    crashes: int,
    restart: Restart,
    autojump_clock: MockClock,
) -> None:
    heard: list[Exception] = []
    restarts: list[int] = []
    with capture_logs() as logs, trio.move_on_after(1) as scope:
        spec = ChildSpec("child", run, restart, RestartBudget(0, 1))
        await supervise(spec, on_crash=heard.append, on_restart=restarts.append)
    assert scope.cancelled_caught
    assert len(heard) == len(logs) == crashes
    assert restarts == []


async def test_a_cancellation_once_delivered_goes_on_even_behind_a_later_shield(
    autojump_clock: MockClock,
) -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        try:
            await _crash_in_a_group_when_cancelled()
        finally:
            inner.shield = True

    with capture_logs(), trio.move_on_after(1) as outer, trio.move_on_after(5) as inner:
        await supervise(ChildSpec("child", run))
    assert outer.cancelled_caught
    assert runs == 1


async def test_an_interrupt_beside_a_cancellation_is_not_contained() -> None:
    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(_interrupt_when_cancelled)

    async def _interrupt_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt), trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await supervise(ChildSpec("child", run))


async def test_an_exit_without_cancellation_is_not_contained() -> None:
    async def run() -> None:
        async with trio.open_nursery():
            raise SystemExit(3)

    with pytest.RaisesGroup(SystemExit):
        await supervise(ChildSpec("child", run))


async def test_a_group_of_crashes_is_a_crash() -> None:
    async def run() -> None:
        async with trio.open_nursery():
            raise ValueError("boom")

    with capture_logs() as logs, pytest.raises(RestartIntensityExceeded) as excinfo:
        await supervise(ChildSpec("child", run, budget=RestartBudget(0, 1)))
    assert isinstance(excinfo.value.__cause__, ExceptionGroup)
    assert len(logs) == 1


async def test_a_child_that_crashes_without_waiting_still_lets_others_run(
    nursery: trio.Nursery,
) -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("at once")

    spec = ChildSpec("child", run, budget=RestartBudget(10**6, 1000))
    with capture_logs():
        nursery.start_soon(supervise, spec)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel(reason="seen enough")
        with trio.CancelScope(shield=True):
            for _ in range(3):
                await trio.lowlevel.checkpoint()
    assert 3 < runs < 20


def test_a_node_is_an_actor_that_runs_unless_it_says_otherwise() -> None:
    assert Node(name="a") == Node(
        name="a", kind="actor", state="running", restarts=0, since_s=0.0, children=(), detail={}
    )
