"""The stream under a plain ASGI application; what attackers do is in the attack tests."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from netra_actors.server.connection import Limits
from tests.server.conftest import UPGRADE, App, Peer, Serving, masked, until

Body = Callable[[Any, Any, Any], Awaitable[None]]


def accepting(body: Body) -> App:
    """Return an application that accepts and then runs ``body(frames, receive, send)``."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        await body(scope["extensions"]["netra.frames"], receive, send)

    return app


async def echo(_: Any, receive: Any, send: Any) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": event["bytes"], "text": event["text"]})


async def test_messages_in_fragments_come_whole_with_pings_between(serving: Serving) -> None:
    async with serving(accepting(echo)) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        await peer.send(masked(1, b"frag", fin=False) + masked(9, b"now") + masked(0, b"ments"))
        assert await peer.frame() == (10, b"now")
        assert await peer.frame() == (1, b"fragments")
        await peer.send(masked(2, b"\x00\xff"))
        assert await peer.frame() == (2, b"\x00\xff")


async def test_a_character_cut_in_two_fragments_stays_whole(serving: Serving) -> None:
    async with serving(accepting(echo)) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        await peer.send(masked(1, b"\xc3", fin=False) + masked(0, b"\xa9"))
        assert await peer.frame() == (1, "é".encode())


async def test_the_extension_hears_pongs_and_the_end(serving: Serving) -> None:
    heard = trio.Event()

    async def body(frames: Any, receive: Any, send: Any) -> None:
        del receive, send
        before = frames.last_heard
        frames.ping(b"there?")
        await until(lambda: frames.last_heard != before)
        heard.set()
        await frames.gone.wait()

    async with serving(accepting(body)) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        assert await peer.frame() == (9, b"there?")
        await peer.send(masked(10, b"there?"))
        await heard.wait()
    assert not served.host.connections


async def test_writing_before_the_accept_is_refused(serving: Serving) -> None:
    refused = trio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        with pytest.raises(trio.BrokenResourceError):
            scope["extensions"]["netra.frames"].write([b"early"])
        refused.set()
        await send({"type": "websocket.close", "code": 1000})

    async with serving(app) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        assert (await peer.head()).startswith(b"HTTP/1.1 403")
        assert refused.is_set()


async def test_a_message_over_the_limit_is_told_and_the_rest_thrown_away(serving: Serving) -> None:
    events: list[Any] = []

    async def body(_: Any, receive: Any, send: Any) -> None:
        events.append(await receive())
        await send({"type": "websocket.close", "code": 4413})
        events.append(await receive())

    async with serving(accepting(body)) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        await peer.send(masked(1, b"x" * 70_000) + masked(1, b"more"))
        assert await peer.frame() == (8, (4413).to_bytes(2, "big"))
        await peer.send(masked(1, b"more" * 9999) + masked(8, (4413).to_bytes(2, "big")))
        assert await peer.ends()
    assert events == [
        {"type": "websocket.receive", "netra.frames": "too_large"},
        {"type": "websocket.disconnect", "code": 4413},
    ]


async def test_the_close_frame_comes_behind_the_tail(serving: Serving) -> None:
    async def body(frames: Any, receive: Any, send: Any) -> None:
        frames.write([b"x" * 900_000])
        await send({"type": "websocket.close", "code": 4008})
        await receive()

    async with serving(accepting(body)) as served, served.peer(receive_buffer=4096) as peer:
        await peer.send(UPGRADE)
        await peer.head()
        assert await peer.frame() == (1, b"x" * 900_000)
        assert (await peer.frame())[0] == 8
        await peer.send(masked(8, (4008).to_bytes(2, "big")))


async def test_a_peer_that_asks_for_pongs_and_takes_none_is_cut_off(serving: Serving) -> None:
    async def body(frames: Any, receive: Any, send: Any) -> None:
        del receive, send
        await frames.gone.wait()

    limits = Limits(linger_s=0.05)

    async def flood(peer: Peer) -> None:
        for _ in range(1000):
            await peer.send(masked(9, b"p" * 125) * 1000)

    async with serving(accepting(body), limits=limits) as served:
        async with served.peer(receive_buffer=4096) as peer:
            await peer.send(UPGRADE)
            await peer.head()
            with pytest.raises(trio.BrokenResourceError):
                await flood(peer)
        await until(lambda: not served.host.connections)


async def test_an_application_that_ends_without_closing_closes_4050(serving: Serving) -> None:
    async def body(*_: Any) -> None:
        await trio.lowlevel.checkpoint()

    async with serving(accepting(body)) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        opcode, payload = await peer.frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (8, 4050)


async def test_the_grace_of_a_stop_ends_with_4001(serving: Serving) -> None:
    async def body(*_: Any) -> None:
        await trio.sleep_forever()

    async with serving(accepting(body), graceful_timeout_s=0.02) as served:
        async with served.peer() as peer:
            await peer.send(UPGRADE)
            await peer.head()
            served.stop.set()
            opcode, payload = await peer.frame()
            assert (opcode, int.from_bytes(payload[:2], "big")) == (8, 4001)
        await served.stopped.wait()


async def test_the_servers_own_pings_end_with_the_connection(serving: Serving) -> None:
    async with serving(accepting(echo), ping_interval_s=60) as served:
        async with served.peer() as peer:
            await peer.send(UPGRADE)
            await peer.head()
            assert await peer.frame() == (9, b"")
        await until(lambda: not served.host.connections)


@pytest.mark.parametrize(
    "line", [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
)
async def test_an_upgrade_without_its_headers_is_answered_400(
    serving: Serving, line: bytes
) -> None:
    async with serving(accepting(echo)) as served, served.peer() as peer:
        await peer.send(UPGRADE.replace(line + b"\r\n", b""))
        assert (await peer.head()).startswith(b"HTTP/1.1 400")
        assert await peer.ends()
