import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from netra_actors.web.health import Health, Probe
from tests.web.conftest import NOW_MS, Site


class Dependency:
    def __init__(self) -> None:
        self.asked = 0
        self.takes_s = 0.0
        self.error: Exception | None = None

    async def check(self) -> None:
        self.asked += 1
        await trio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error


class Clock:
    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> int:
        return self.ms


async def test_many_askers_cost_one_check_a_second(autojump_clock: trio.testing.MockClock) -> None:
    dependency = Dependency()
    dependency.takes_s = 0.2
    probe = Probe("record", dependency.check, Clock())
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(probe.look)
    assert dependency.asked == 1
    await trio.sleep(1)
    assert (await probe.look())["latency_ms"] == pytest.approx(200)
    assert dependency.asked == 2


async def test_a_dependency_that_hangs_is_down_after_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    dependency = Dependency()
    dependency.takes_s = 3600
    began = trio.current_time()
    with capture_logs() as logs:
        seen = await Probe("record", dependency.check, Clock()).look()
    assert trio.current_time() - began == pytest.approx(1)
    assert (seen["state"], seen["latency_ms"]) == ("down", None)
    assert logs[0]["event"] == "dependency_down"


async def test_since_is_when_the_state_changed_and_the_log_says_it_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    dependency, clock = Dependency(), Clock()
    probe = Probe("record", dependency.check, clock)
    states = []
    with capture_logs() as logs:
        for second in range(6):
            clock.ms = 1000 * (second + 1)
            dependency.error = OSError("down") if second in {2, 3} else None
            seen = await probe.look()
            states.append((seen["state"], seen["since"]))
            await trio.sleep(1)
    assert states == [
        ("up", 1000), ("up", 1000), ("down", 3000), ("down", 3000), ("up", 5000), ("up", 5000),
    ]  # fmt: skip
    assert len(logs) == 1


async def test_a_worker_that_leaves_says_draining(site: Site) -> None:
    site.worker.is_draining = True
    is_well, report = await Health(site.worker, "1").report()
    assert not is_well
    assert report["status"] == "draining"


async def test_uptime_is_never_negative(site: Site) -> None:
    site.worker.started_at = NOW_MS + 10_000
    _, report = await Health(site.worker, "1").report()
    assert report["uptime_s"] == 0
