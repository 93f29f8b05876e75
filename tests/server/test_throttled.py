import structlog
import trio
from trio.testing import MockClock

from netra_actors.server.throttled import ThrottledLog


async def test_each_event_is_logged_once_a_second_and_counted_always(
    autojump_clock: MockClock,
) -> None:
    throttled = ThrottledLog()
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            throttled.warning("request_malformed", status=400)
        throttled.warning("frame_malformed")
        await trio.sleep(1.1)
        throttled.warning("request_malformed", status=431)
    assert throttled.counts == {"request_malformed": 6, "frame_malformed": 1}
    assert [(entry["event"], entry["unlogged"]) for entry in logs] == [
        ("request_malformed", 0),
        ("frame_malformed", 0),
        ("request_malformed", 4),
    ]
