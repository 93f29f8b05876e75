"""How many frames a second reach one client, through the extension and through plain ASGI?

One process serves, this one reads. A row is a sink and how many frames go in one write: one
frame at a time is the live stream, a batch is a replay.

    python benchmarks/transport.py [seconds per row]
"""

import contextlib
import functools
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import trio
from quart_trio import QuartTrio

from netra_actors.connections.sinks import EXTENSION
from netra_actors.server.hypercorn import make_config, serve
from netra_actors.server.listener import open_listeners
from netra_actors.web.socket import NetraWebSocket, Socket

PAYLOAD = b'{"type":"partial_result","seq":1042,"payload":{"content":"' + b"x" * 180 + b'"}}'
FRAME_BYTES = len(PAYLOAD) + 4
BATCHES = (1, 16, 128)


async def spam(socket: Socket) -> None:
    await socket.accept()
    payloads = [PAYLOAD] * int(socket.query.partition("=")[2])
    writes = 0
    with contextlib.suppress(trio.BrokenResourceError):
        while True:
            writes += 1
            if not socket.sink.write(payloads):
                await socket.sink.drain()
            elif writes % 64 == 0:
                await trio.lowlevel.checkpoint()


async def serve_until_terminated() -> None:
    app = QuartTrio("transport")
    app.asgi_websocket_class = NetraWebSocket  # type: ignore[assignment]
    app.netra_socket_handler = spam  # type: ignore[attr-defined]

    async def offered(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and scope["query_string"].startswith(b"queue"):
            del scope["extensions"][EXTENSION]
        await app(scope, receive, send)

    async def terminated() -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                return

    listeners = open_listeners("127.0.0.1", 0)
    print("port", listeners[0].getsockname()[1], flush=True)
    run = functools.partial(serve, shutdown_trigger=terminated)
    await run(offered, make_config(graceful_timeout_s=0.1), listeners)


def measure(port: int, sink: str, batch: int, seconds: float) -> float:
    """Return frames a second, by the bytes that arrived."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            f"GET /ws?{sink}={batch} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        client.recv(65536)
        buffer = bytearray(1 << 20)
        taken, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            taken += client.recv_into(buffer)
        return taken / FRAME_BYTES / elapsed


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    child = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline().split()[1])
        print(f"{'sink':<12}{'frames a write':>16}{'frames/s':>12}{'MiB/s':>9}")
        for sink in ("extension", "queue"):
            for batch in BATCHES:
                rate = measure(port, sink, batch, seconds)
                print(f"{sink:<12}{batch:>16}{rate:>12,.0f}{rate * FRAME_BYTES / 2**20:>9.1f}")
    finally:
        child.terminate()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        trio.run(serve_until_terminated)
    else:
        main()
