"""Hypercorn, hardened: our server loop, connection, tail and WebSocket stream over its protocols.

A stranger can end the stock server with one request. Here nothing a connection does leaves that
connection, every buffer is bounded and every wait has a deadline. What is taken from Hypercorn:
the HTTP/1.1 and WebSocket streams (extended), the lifespan and the configuration; these are
private surfaces, so exactly one version is supported, and ``tests/attacks`` holds each attack.

HTTP/1.1 without TLS only: TLS ends in the proxy in front.
"""

import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import structlog
import trio
from hypercorn.config import Config
from hypercorn.logging import Logger
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, LifespanState
from hypercorn.utils import repr_socket_addr, wrap_app

from netra_actors.errors import ConfigurationError
from netra_actors.server.connection import Host, Limits

SUPPORTED: Final = "0.18.0"
MAX_MESSAGE_BYTES: Final = 64 * 1024

if version("hypercorn") != SUPPORTED:
    raise ConfigurationError(
        f"netra_actors runs on Hypercorn {SUPPORTED} exactly, and {version('hypercorn')} is "
        f"installed: pip install hypercorn=={SUPPORTED}"
    )

log = structlog.get_logger()


class _Log(Logger):
    """Hypercorn's few log lines, as ours; it writes no access log."""

    def __init__(self, config: Config) -> None:
        self.access_log_format = config.access_log_format
        self.access_logger = None
        self.error_logger = None

    async def log(self, level: int, message: str, *args: Any, **kwargs: Any) -> None:
        log.log(level, "hypercorn_says", message=message % args if args else message, **kwargs)

    async def warning(self, message: str, *args: Any, **kwargs: Any) -> None:
        await self.log(logging.WARNING, message, *args, **kwargs)

    async def error(self, message: str, *args: Any, **kwargs: Any) -> None:
        await self.log(logging.ERROR, message, *args, **kwargs)

    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        await self.log(logging.ERROR, message, *args, exc_info=True, **kwargs)


def make_config(
    *,
    graceful_timeout_s: float = 5.0,
    keep_alive_s: float = 15.0,
    ping_interval_s: float | None = None,
    max_head_bytes: int = 16 * 1024,
) -> Config:
    """Return a configuration for `serve`.

    Args:
        graceful_timeout_s: how long requests under way may take once the server stops; then
            their tasks are cancelled, and WebSockets that are still open get 4001.
        keep_alive_s: how long a connection may stay between two requests.
        ping_interval_s: the server's own WebSocket pings; None leaves them to the application.
        max_head_bytes: the longest request head; more is answered 431.
    """
    config = Config()
    config.logger_class = _Log
    config.alpn_protocols = ["http/1.1"]
    config.graceful_timeout = graceful_timeout_s
    config.h11_max_incomplete_size = max_head_bytes
    config.include_server_header = False
    config.keep_alive_timeout = keep_alive_s
    config.websocket_max_message_size = MAX_MESSAGE_BYTES
    config.websocket_ping_interval = ping_interval_s
    return config


async def serve(
    app: ASGIFramework,
    config: Config,
    sockets: Sequence[socket.socket],
    *,
    shutdown_trigger: Callable[[], Awaitable[object]],
    limits: Limits | None = None,
    task_status: trio.TaskStatus[Host] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *app* on listening *sockets* until *shutdown_trigger* returns.

    Then the sockets are closed and idle connections end at once; what is under way gets
    ``config.graceful_timeout`` seconds. WebSockets are the application's to close before that.

    Args:
        app: the ASGI application; its lifespan runs around the serving.
        config: from `make_config`.
        sockets: from `open_listeners`; they are closed at the end.
        shutdown_trigger: returns when the server shall stop.
        limits: what strangers are granted.
        task_status: gets the `Host` (connections, fault counts) once connections are accepted.

    Raises:
        ConfigurationError: *config* asks for TLS.
        ExceptionGroup: the application's start or stop failed, or its lifespan ended early.
    """
    if config.ssl_enabled:
        raise ConfigurationError("this server speaks no TLS: end TLS in the proxy in front of it")
    state: LifespanState = {}
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, config, state)
    host = Host(wrapped, config, WorkerContext(None), state, limits or Limits())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run_lifespan, lifespan, host)
        await lifespan.wait_for_startup()
        host.has_lifespan = lifespan.supported
        await _accept(host, sockets, shutdown_trigger, task_status)
        await lifespan.wait_for_shutdown()
        nursery.cancel_scope.cancel()


async def _run_lifespan(lifespan: Lifespan, host: Host) -> None:
    await lifespan.handle_lifespan()
    # Stock goes on accepting when the application's own nursery has died; such a worker
    # answers, but nothing works, so it ends instead.
    if host.has_lifespan and not host.context.terminated.is_set():
        raise RuntimeError("the application's lifespan ended before the server did")


async def _accept(
    host: Host,
    sockets: Sequence[socket.socket],
    shutdown_trigger: Callable[[], Awaitable[object]],
    task_status: trio.TaskStatus[Host],
) -> None:
    """Accept connections until told to stop, then give those under way their time."""
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(item)) for item in sockets]
    binds = [repr_socket_addr(item.family, item.getsockname()) for item in sockets]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, host.handle, listeners, handler_nursery=connections)
            )
            log.info("server_listening", addresses=binds)
            task_status.started(host)
            await shutdown_trigger()
            accepting.cancel_scope.cancel()
        await host.context.terminated.set()
        host.close_idle()
        deadline = trio.current_time() + host.config.graceful_timeout
        connections.cancel_scope.deadline = deadline
