"""What one connection may do with its time and its bytes."""

from typing import Any

import pytest
import structlog
import trio

from netra_actors.server.connection import Limits
from tests.server.conftest import GET, UPGRADE, Peer, Serving, answer, http_app, masked, until


async def test_a_connection_serves_one_request_after_the_other(serving: Serving) -> None:
    async with serving(http_app(b"here")) as served, served.peer() as peer:
        for _ in range(3):
            await peer.send(GET)
            assert (await peer.head()).startswith(b"HTTP/1.1 200")
            assert await peer.exactly(4) == b"here"


async def test_pipelined_requests_are_answered_in_order(serving: Serving) -> None:
    async with serving(http_app(b"here")) as served, served.peer() as peer:
        await peer.send(GET * 3)
        for _ in range(3):
            await peer.head()
            assert await peer.exactly(4) == b"here"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET, GET + b"GET"])
async def test_a_request_head_that_does_not_come_whole_ends_the_connection(
    serving: Serving, sent: bytes
) -> None:
    limits = Limits(head_s=0.05)
    async with serving(http_app(), limits=limits) as served, served.peer() as peer:
        await peer.send(sent)
        if sent.startswith(GET):
            await peer.head()
            await peer.exactly(4)
            await peer.send(b"GET / HT" if sent == GET else b" / HT")
        with trio.fail_after(1):
            assert await peer.ends()


async def test_a_head_that_trickles_in_has_no_longer_time(serving: Serving) -> None:
    limits = Limits(head_s=0.1)

    async def trickle(peer: Peer) -> None:
        while True:
            await peer.send(b"G")
            await trio.sleep(0.02)

    async with serving(http_app(), limits=limits) as served, served.peer() as peer:
        with pytest.raises(trio.BrokenResourceError):
            await trickle(peer)
    assert served.host.throttled.counts["request_head_too_slow"] == 1


async def test_an_idle_connection_is_closed_after_the_keep_alive_time(serving: Serving) -> None:
    async with serving(http_app(), keep_alive_s=0.05) as served, served.peer() as peer:
        await peer.send(GET)
        await peer.head()
        await peer.exactly(4)
        with trio.fail_after(1):
            assert await peer.ends()


async def test_a_head_over_the_limit_is_answered_431(serving: Serving) -> None:
    async with serving(http_app(), max_head_bytes=1000) as served, served.peer() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 2000)
        assert (await peer.head()).startswith(b"HTTP/1.1 431")
        assert await peer.ends()


async def test_connections_over_the_maximum_are_answered_503(serving: Serving) -> None:
    limits = Limits(max_connections=1, linger_s=0.2)
    async with serving(http_app(), limits=limits) as served:
        async with served.peer() as first:
            await first.send(GET)
            await first.head()
            async with served.peer() as second:
                assert (await second.head()).startswith(b"HTTP/1.1 503")
        await until(lambda: not served.host.connections)
        async with served.peer() as third:
            await third.send(GET)
            assert (await third.head()).startswith(b"HTTP/1.1 200")


async def test_a_fault_ends_its_own_connection_and_is_logged_once_a_second(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("netra_actors.server.http1.Http1Protocol._create_stream", fail)
    with structlog.testing.capture_logs() as logs:
        async with serving(http_app()) as served:
            for _ in range(3):
                async with served.peer() as peer:
                    await peer.send(GET)
                    assert await peer.ends()
            assert served.host.throttled.counts["connection_fault_contained"] == 3
    assert [entry["event"] for entry in logs].count("connection_fault_contained") == 1


async def test_a_body_nobody_reads_does_not_keep_the_connection(serving: Serving) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n"
    limits = Limits(linger_s=0.05)
    async with serving(http_app(), limits=limits) as served, served.peer() as peer:
        await peer.send(head + bytes(1_000_000))
        assert (await peer.head()).startswith(b"HTTP/1.1 200")
        await until(lambda: not served.host.connections)


async def test_a_large_body_arrives_whole(serving: Serving) -> None:
    body = bytes(range(256)) * 2_000
    async with serving(http_app(body)) as served, served.peer(receive_buffer=4096) as peer:
        await peer.send(GET)
        await peer.head()
        assert await peer.exactly(len(body)) == body


async def test_a_handler_that_streams_to_nobody_is_told(serving: Serving) -> None:
    told = trio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                told.set()
                nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            while True:
                await send({"type": "http.response.body", "body": b"x" * 999, "more_body": True})

    async with serving(app) as served:
        async with served.peer() as peer:
            await peer.send(GET)
            await peer.head()
        with trio.fail_after(1):
            await told.wait()


async def test_a_websocket_outlives_the_keep_alive_time(serving: Serving) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event["text"]})

    limits = Limits(head_s=0.03)
    async with serving(app, limits=limits, keep_alive_s=0.03) as served, served.peer() as peer:
        await peer.send(UPGRADE)
        await peer.head()
        await trio.sleep(0.1)
        await peer.send(masked(1, b"still"))
        assert await peer.frame() == (1, b"still")


async def test_an_application_fault_is_answered_500_and_counted(serving: Serving) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(scope["type"])

    async with serving(app) as served, served.peer() as peer:
        await peer.send(GET)
        assert (await peer.head()).startswith(b"HTTP/1.1 500")
        assert served.host.throttled.counts["application_fault"] == 1


async def test_a_request_under_way_is_finished_when_the_server_stops(serving: Serving) -> None:
    going = trio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        going.set()
        await trio.sleep(0.05)
        await answer(send)

    async with serving(app, graceful_timeout_s=2) as served:
        async with served.peer() as peer, served.peer() as idle:
            await peer.send(GET)
            await going.wait()
            served.stop.set()
            assert await idle.ends()
            assert (await peer.head()).startswith(b"HTTP/1.1 200")
            await peer.exactly(4)
            assert await peer.ends()
        await served.stopped.wait()
