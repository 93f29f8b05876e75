from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from netra_actors.client.link import (
    CLOSE_WITHIN_S,
    LOST,
    SUBPROTOCOL,
    Ending,
    LinkEnded,
    open_link,
)

Handler = Callable[[WebSocketRequest], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, handler, "127.0.0.1", 0, ssl_context=None)
        )
        yield f"ws://127.0.0.1:{server.port}/ws"
        nursery.cancel_scope.cancel(reason="test over")


async def test_frames_go_both_ways_under_our_subprotocol_and_headers() -> None:
    async def echo(request: WebSocketRequest) -> None:
        assert request.proposed_subprotocols == (SUBPROTOCOL,)
        assert (b"authorization", b"Bearer t") in request.headers
        socket = await request.accept(subprotocol=SUBPROTOCOL)
        await socket.send_message(await socket.get_message())

    async with serving(echo) as url, open_link(url, [("Authorization", "Bearer t")]) as link:
        await link.send("hällo")
        assert await link.receive() == "hällo"


async def test_what_was_sent_before_a_close_is_read_before_its_code() -> None:
    async def close(request: WebSocketRequest) -> None:
        socket = await request.accept()
        await socket.send_message("last words")
        await socket.aclose(4001, "draining")

    async with serving(close) as url, open_link(url, []) as link:
        assert await link.receive() == "last words"
        with pytest.raises(LinkEnded) as ended:
            await link.receive()
    assert ended.value.ending == Ending(4001, "draining")


async def test_sending_into_a_closed_connection_says_that_it_ended() -> None:
    async def close(request: WebSocketRequest) -> None:
        await (await request.accept()).aclose(4008)

    async with serving(close) as url, open_link(url, []) as link:
        with pytest.raises(LinkEnded):
            await link.receive()
        with pytest.raises(LinkEnded):
            await link.send("x")


async def test_leaving_the_block_says_goodbye() -> None:
    sender, receiver = trio.open_memory_channel[int](1)

    async def listen(request: WebSocketRequest) -> None:
        socket = await request.accept()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        sender.send_nowait(closed.value.reason.code)

    async with serving(listen) as url:
        async with open_link(url, []):
            pass
        with trio.fail_after(2):
            assert await receiver.receive() == 1000


async def test_a_cancelled_block_says_goodbye_too_and_hears_the_answer() -> None:
    goodbyes: list[int] = []

    async def listen(request: WebSocketRequest) -> None:
        socket = await request.accept()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        goodbyes.append(closed.value.reason.code)

    async with serving(listen) as url:
        began = trio.current_time()
        with trio.CancelScope() as scope:
            async with open_link(url, []):
                scope.cancel(reason="the test left")
                await trio.sleep_forever()
        assert goodbyes == [1000]
        assert trio.current_time() - began < CLOSE_WITHIN_S


@pytest.mark.parametrize("body", [b"", b'{"error":"unauthorized"}'])
async def test_a_refused_upgrade_gives_status_and_body(body: bytes) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(401, body=body or None)

    async with serving(refuse) as url:
        with pytest.raises(LinkEnded) as ended:
            async with open_link(url, []):
                pytest.fail("it was refused")
    assert ended.value.ending == Ending(LOST, body.decode(), http_status=401)


async def test_nobody_there_is_an_ending_too(unused_tcp_port: int) -> None:
    with pytest.raises(LinkEnded) as ended:
        async with open_link(f"ws://127.0.0.1:{unused_tcp_port}/ws", []):
            pytest.fail("nobody is there")
    assert ended.value.ending.code == LOST
    assert ended.value.ending.reason


async def test_a_service_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netra_actors.client.link.CONNECT_WITHIN_S", 0.05)

    async def silent(request: WebSocketRequest) -> None:
        await trio.sleep_forever()

    async with serving(silent) as url:
        with pytest.raises(LinkEnded, match="no answer within"):
            async with open_link(url, []):
                pytest.fail("it never answered")


async def test_what_is_no_websocket_is_an_ending(nursery: trio.Nursery) -> None:
    async def nonsense(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(b"220 smtp ready\r\n\r\n")

    listeners = await nursery.start(partial(trio.serve_tcp, nonsense, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(2), pytest.raises(LinkEnded):
        async with open_link(f"ws://127.0.0.1:{port}/ws", []):
            pytest.fail("that was no WebSocket")
    nursery.cancel_scope.cancel(reason="test over")


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    async def wait(request: WebSocketRequest) -> None:
        await request.accept()
        await trio.sleep_forever()

    async with serving(wait) as url:
        with pytest.raises(KeyError, match="mine"):
            async with open_link(url, []):
                raise KeyError("mine")
