"""SIGTERM with people connected and runs under way: everybody is told, nothing is left open."""

import time
from contextlib import AsyncExitStack
from pathlib import Path

import trio

from tests.e2e.comparing import check_grammar, check_seen
from tests.e2e.process import serving, sign, stored_lines
from tests.e2e.wire import Device

USERS = [f"leaving-{number}" for number in range(5)]
DEVICES = 4
"""Of each user; the last speaks no subprotocol."""
QUICK = {
    "NETRA_RUN_GRACE_S": "1.2",
    "NETRA_CLOSE_GRACE_S": "1",
    "NETRA_FLUSH_GRACE_S": "1",
    "NETRA_DRAIN_TOTAL_S": "6",
}
TOTAL_S = 6.0
DRAINING = 4001
HELD_S = 8.0
"""One second of drain, one more for what does not end, and room for a busy machine."""


async def test_a_drain_tells_every_client_and_closes_every_run(tmp_path: Path) -> None:
    devices = {
        user: [Device(user, sign(user), plain=number == DEVICES - 1) for number in range(DEVICES)]
        for user in USERS
    }
    runs: dict[str, str] = {}
    with serving(tmp_path, **QUICK) as server:
        async with AsyncExitStack() as stack:
            for device in [device for group in devices.values() for device in group]:
                await stack.enter_async_context(device.connected(server.port))
            for user, (device, *_) in devices.items():
                agent, content = _work_of(user)
                answer = await device.ask(content, agent=agent)
                runs[user] = answer["run_id"]
                key = answer["message_id"]
                await device.until(lambda key=key, device=device: device.tools.get(key))  # type: ignore[misc]
            began = time.monotonic()
            server.terminate()
            for device in [device for group in devices.values() for device in group]:
                assert await device.until_closed() == DRAINING, device.user
                notice = device.heard("draining")
                assert notice is not None
                assert notice["reconnect_after_ms"] >= 0
        assert await trio.to_thread.run_sync(server.wait) == 0, server.said
        assert time.monotonic() - began < TOTAL_S
    for user, group in devices.items():
        stored = stored_lines(server.database, user)
        for device in group:
            check_seen(device, stored)
        terminal = check_grammar(stored)[runs[user]]
        if _work_of(user)[0] == "pausing":
            assert terminal["status"] == "completed"
        else:
            assert (terminal["status"], terminal["cancelled_by"]) == ("cancelled", "drain")


def _work_of(user: str) -> tuple[str, str]:
    """Return agent and content: one run ends within the grace, the others have to be stopped."""
    if user == USERS[0]:
        return "pausing", "0.7"
    if user == USERS[1]:
        return "stubborn", "0.4"
    return "lingering", "without an end"


async def test_who_was_sent_away_finds_everything_when_the_service_is_back(tmp_path: Path) -> None:
    device = Device("returning", sign("returning"))
    with serving(tmp_path, **QUICK) as server:
        async with device.connected(server.port):
            answer = await device.ask("without an end", agent="lingering")
            waiting = await device.ask("next", agent="plain", thread_id=answer["thread_id"])
            key = answer["message_id"]
            await device.until(lambda: len(device.tools.get(key, ())) == 2)
            server.terminate()
            assert await device.until_closed() == DRAINING
        assert await trio.to_thread.run_sync(server.wait) == 0, server.said
        await trio.to_thread.run_sync(server.start)
        async with device.connected(server.port):
            await device.until(lambda: waiting["run_id"] in device.ended)
            await device.settle()
        stored = stored_lines(server.database, device.user)
    check_seen(device, stored)
    check_grammar(stored)
    assert device.snapshots == []
    assert device.applied == len(stored)
    first, second = device.ended[answer["run_id"]], device.ended[waiting["run_id"]]
    assert (first.status, first.cancelled_by) == ("cancelled", "drain")
    assert second.status == "completed"


async def test_an_agent_that_does_not_end_cannot_hold_the_service(tmp_path: Path) -> None:
    device = Device("held", sign("held"))
    graces = {f"NETRA_{name}_GRACE_S": "0.2" for name in ("RUN", "CLOSE", "FLUSH")}
    with serving(tmp_path, **graces, NETRA_DRAIN_TOTAL_S="1") as server:
        async with device.connected(server.port):
            answer = await device.ask("600", agent="stubborn")
            await device.until(lambda: device.tools.get(answer["message_id"]))
            began = time.monotonic()
            server.terminate()
            assert await device.until_closed() == DRAINING
        assert await trio.to_thread.run_sync(server.wait) == 1
        assert time.monotonic() - began < HELD_S
        assert "leaving all the same" in server.said
        await trio.to_thread.run_sync(server.start)
        async with device.connected(server.port):
            await device.until(lambda: answer["run_id"] in device.ended)
        stored = stored_lines(server.database, device.user)
    check_seen(device, stored)
    check_grammar(stored)
    terminal = device.ended[answer["run_id"]]
    assert (terminal.status, terminal.cancelled_by) == ("cancelled", "drain")
