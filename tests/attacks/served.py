"""The child of the attack tests: one small application on our stack or on the stock one.

    served.py ours|plain|stock '{"graceful_s": 0.3, "ping_s": 3.0}'

``ours`` is our server and socket class, ``plain`` our server under the stock socket class,
``stock`` neither. Prints its port; ends politely on SIGTERM. What a WebSocket's handler does is
chosen by ``/ws?<mode>``; what became of the handlers is told by ``GET /seen``.
"""

import collections
import functools
import json
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import hypercorn.trio
import structlog
import trio
from hypercorn.config import Config
from quart import websocket
from quart_trio import QuartTrio

from netra_actors.server.hypercorn import make_config, serve
from netra_actors.server.listener import open_listeners
from netra_actors.web.socket import NetraWebSocket, Socket, SocketClosed

SEEN: collections.Counter[str] = collections.Counter()
LONG = "".join(random.Random(1).choices("0123456789abcdef", k=3_000_000))  # noqa: S311
SECOND = LONG[:20_000]
THIRD = LONG[10_000:30_000]

app = QuartTrio("served")


@app.get("/")
async def index() -> str:
    return "here"


@app.get("/seen")
async def seen() -> dict[str, int]:
    return dict(SEEN)


@app.get("/third")
async def third() -> str:
    return THIRD


async def our_echo(socket: Socket) -> None:
    try:
        while True:
            message = await socket.receive()
            SEEN[repr(message)[:20]] += 1
            data = message.encode() if isinstance(message, str) else message
            if not socket.sink.write([data]):
                await socket.sink.drain()
    except SocketClosed as closed:
        SEEN[f"closed {closed.code}"] += 1
        raise


async def our_deaf(socket: Socket) -> None:
    SEEN["deaf"] += 1
    await socket.gone.wait()
    SEEN["deaf"] -= 1


async def our_spam(socket: Socket) -> None:
    while True:
        if not socket.sink.write([b"x" * 1000] * 20):
            await socket.sink.drain()


async def our_crash(socket: Socket) -> None:
    raise ExceptionGroup("both", [RuntimeError("boom"), ValueError(socket.path)])


async def our_cancelled(socket: Socket) -> None:
    socket.sink.write([LONG[:900_000].encode()])
    with trio.move_on_after(0.2) as scope:
        await socket.sink.drain()
    SEEN["drain cancelled"] += scope.cancelled_caught
    socket.sink.write([THIRD.encode()])
    await socket.sink.drain()


async def our_stubborn(socket: Socket) -> None:
    del socket
    await trio.sleep_forever()


async def stock_echo() -> None:
    try:
        while True:
            message = await websocket.receive()
            SEEN[repr(message)[:20]] += 1
            await websocket.send(message or repr(message))
    except trio.Cancelled:
        SEEN["handler cancelled"] += 1
        raise


async def stock_deaf() -> None:
    SEEN["deaf"] += 1
    try:
        await trio.sleep_forever()
    finally:
        SEEN["deaf"] -= 1


async def stock_spam() -> None:
    while True:
        await websocket.send("x" * 1000)


async def stock_crash() -> None:
    raise RuntimeError("boom")


async def stock_cancelled() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(websocket.send, LONG)
        await trio.sleep(0.3)  # the compressed text fills the kernel; the send holds the lock
        with trio.move_on_after(0.1):
            await websocket.send(SECOND)
        await websocket.send(THIRD)


async def stock_stubborn() -> None:
    await trio.sleep_forever()


OURS: dict[str, Callable[[Socket], Awaitable[None]]] = {
    "": our_echo,
    "deaf": our_deaf,
    "spam": our_spam,
    "crash": our_crash,
    "cancelled": our_cancelled,
    "stubborn": our_stubborn,
}
STOCK: dict[str, Callable[[], Awaitable[None]]] = {
    "": stock_echo,
    "deaf": stock_deaf,
    "spam": stock_spam,
    "crash": stock_crash,
    "cancelled": stock_cancelled,
    "stubborn": stock_stubborn,
}


async def our_handler(socket: Socket) -> None:
    await socket.accept()
    await OURS[socket.query](socket)


@app.websocket("/ws")
async def stock_handler() -> None:
    await websocket.accept()
    await STOCK[websocket.query_string.decode()]()


async def terminated() -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            return


async def main(kind: str, options: dict[str, Any]) -> None:
    listeners = open_listeners("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    graceful_s, ping_s = options.get("graceful_s", 3.0), options.get("ping_s")
    async with trio.open_nursery() as nursery:
        if kind == "stock":
            config = Config()
            config.bind = [f"fd://{listeners[0].detach()}"]
            config.graceful_timeout = graceful_s
            config.websocket_ping_interval = ping_s
            config.websocket_max_message_size = 1000
            start: Callable[..., Awaitable[Any]] = functools.partial(
                hypercorn.trio.serve,
                app,
                config,
                shutdown_trigger=terminated,
            )
        else:
            if kind == "ours":
                app.asgi_websocket_class = NetraWebSocket  # type: ignore[assignment]
                app.netra_socket_handler = our_handler  # type: ignore[attr-defined]
            start = functools.partial(
                serve,
                app,
                make_config(graceful_timeout_s=graceful_s, ping_interval_s=ping_s),
                listeners,
                shutdown_trigger=terminated,
            )
        await nursery.start(start)
        print(port, flush=True)  # noqa: T201 - the parent waits for it


if __name__ == "__main__":
    # Standard output carries the port alone: nobody reads it after that.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(main, sys.argv[1], json.loads(sys.argv[2]))
