"""What a connection is sent and when it is ended: window, slow readers, heartbeat, expiry."""

import trio

from tests.e2e.harness import (
    Device,
    Server,
    Stopwatch,
    connected,
    dial,
    is_event,
    make_token,
)
from tests.e2e.peer import peer

WINDOW = 65536


async def _windowed(device: Device) -> None:
    await device.say({"type": "ack", "seq": 0})
    await device.quiet()
    device.received_bytes = 0


async def test_a_client_that_stops_acking_gets_no_more_than_the_window(
    quick: Server, user: str
) -> None:
    async with connected(quick, user) as device, connected(quick, user) as other:
        assert device.seen[0]["limits"]["window_bytes"] == WINDOW
        await _windowed(device)
        await other.run("0 400 1000", agent="flood")
        head = other.seqs[-1]
        await device.quiet()
        first = sum(map(len, device.lines))
        assert WINDOW - 2000 < first <= WINDOW
        # Each ack opens it as far as it reaches, whatever waits behind.
        while device.seqs[-1] < head:
            acked = device.seqs[-1]
            await device.say({"type": "ack", "seq": acked})
            await device.until(is_event)
            await device.quiet()
            assert sum(map(len, device.lines[acked:])) <= WINDOW
        assert device.seqs == list(range(1, head + 1))
        assert device.lines == other.lines


async def test_an_ack_of_a_part_frees_a_part(quick: Server, user: str) -> None:
    async with connected(quick, user) as device, connected(quick, user) as other:
        await _windowed(device)
        await other.run("0 400 400", agent="flood")
        await device.quiet()
        held = len(device.lines)
        await device.say({"type": "ack", "seq": device.seqs[held // 2]})
        await device.quiet()
        assert held < len(device.lines) <= held + held // 2 + 2


async def test_an_event_larger_than_the_window_goes_alone(quick: Server, user: str) -> None:
    async with connected(quick, user) as device, connected(quick, user) as other:
        await _windowed(device)
        await other.run("1 59000 1", agent="flood")
        await device.quiet()
        sizes = [len(line) for line in device.lines]
        assert max(sizes) > 59000
        assert sum(sizes) <= WINDOW
        await device.say({"type": "ack", "seq": device.seqs[-1]})
        await device.until("agent_completed")


async def test_a_client_that_never_acks_gets_everything(quick: Server, user: str) -> None:
    async with connected(quick, user) as device:
        await device.run("0 400 1000", agent="flood")
        assert sum(map(len, device.lines)) > 4 * WINDOW
        assert device.seqs == list(range(1, device.seqs[-1] + 1))


async def test_a_resync_goes_through_a_full_window(quick: Server, user: str) -> None:
    async with connected(quick, user) as device, connected(quick, user) as other:
        await _windowed(device)
        await other.run("0 400 300", agent="flood")
        await device.quiet()
        held = device.seqs[-1]
        await device.say({"type": "resync", "from": 2})
        await device.until("replay_end", seq=other.seqs[-1])
        again = device.seqs[device.seqs.index(held) + 1 :]
        assert again == list(range(3, other.seqs[-1] + 1))


async def test_a_reader_that_stops_holds_up_nobody_and_catches_up(
    server: Server, user: str
) -> None:
    async with (
        peer(server.port, user, receive_buffer=4096) as stuck,
        connected(server, user) as other,
    ):
        await stuck.read(for_s=0.2)
        with Stopwatch() as watch:
            await other.run("20000 900 0", agent="flood")
        assert watch.s < 8
        # Not the last seq it saw: the flood may have been too much for this one too.
        await other.say({"type": "ping"})
        head = (await other.until(lambda item: item["type"] == "pong"))["head"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck.read)
            with trio.fail_after(10):
                while not any(head in {item.get("seq"), item.get("at")} for item in stuck.objects):
                    await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        # What was missed came merged, or as a snapshot; never with a hole, never twice.
        applied = 0
        for item in stuck.objects:
            if item["type"] == "snapshot":
                assert item["at"] >= applied
                applied = item["at"]
            elif "seq" in item and item["type"] != "replay_end":
                assert item.get("seq_from", item["seq"]) == applied + 1
                applied = item["seq"]
        assert applied == head
        assert len(stuck.objects) < 15_000


async def test_a_peer_that_answers_no_ping_is_closed_4012(quick: Server, user: str) -> None:
    async with peer(quick.port, user) as silent:
        with trio.fail_after(8):
            await silent.read()
        assert silent.close_code == 4012
        assert silent.pings >= 1
        beats = [item for item in silent.objects if item["type"] == "heartbeat"]
        assert beats[0] == {"type": "heartbeat", "head": 0, "sent": 0}


async def test_any_frame_answers_a_ping(quick: Server, user: str) -> None:
    async with peer(quick.port, user) as busy:
        for _ in range(14):
            await busy.read(for_s=0.25)
            await busy.say({"type": "ack", "seq": 0})
        assert busy.close_code is None
        assert busy.pings >= 2


async def test_without_subprotocol_there_are_pings_and_no_heartbeats(
    quick: Server, user: str
) -> None:
    async with dial(quick.port, subprotocols=None, token=make_token(user)) as plain:
        await plain.until("replay_end")
        await trio.sleep(2.5)
        assert await plain.quiet() == []


async def test_a_token_that_ends_is_announced_and_closes_4401(quick: Server, user: str) -> None:
    async with connected(quick, user, token=make_token(user, life_s=3)) as device:
        warning = await device.until("token_expiring")
        assert 0 < warning["in_s"] <= 3
        assert await device.end_code() == 4401


async def test_a_fresh_token_keeps_the_connection(quick: Server, user: str) -> None:
    async with connected(quick, user, token=make_token(user, life_s=2)) as device:
        await device.until("token_expiring")
        await device.say({"type": "auth", "token": make_token(user, life_s=600), "message_id": "a"})
        await device.until("ok", message_id="a")
        await trio.sleep(2.2)
        assert [item["type"] for item in await device.quiet() if item["type"] != "heartbeat"] == []
