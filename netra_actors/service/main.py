"""From the operator's command to a running worker, and to an exit code."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio

from netra_actors.errors import ConfigurationError, RecordUnavailable
from netra_actors.server.listener import open_listeners
from netra_actors.service.logs import configure_logs
from netra_actors.service.running import serve_worker
from netra_actors.settings import Settings
from netra_actors.settings.values import mask_password
from netra_actors.web.devmode import BANNER

if TYPE_CHECKING:
    from netra_actors.service.worker import Worker

logger = structlog.get_logger(__name__)

CONFIGURATION_EXIT: Final = 2
FAILURE_EXIT: Final = 1
LAST_RESORT_S: Final = 1.0
"""Behind the drain's deadline: an agent may shield its cleanup for as long as it likes."""


def main(settings: Settings, *, say: Callable[[str], None] | None = None) -> int:
    """Serve until a signal, then leave politely; return the exit code.

    0 after a drain, 1 after a fault, 2 when something that the operator gave is wrong (said in
    one sentence).
    """
    say = say or partial(print, file=sys.stderr, flush=True)
    if sys.platform == "win32":
        say("netra-actors runs on Linux and macOS; on Windows use WSL.")
        return CONFIGURATION_EXIT
    configure_logs(settings.log)
    try:
        trio.run(_serve, settings, say, strict_exception_groups=True)
    except* (ConfigurationError, RecordUnavailable) as group:
        say(f"netra-actors: {_first(group)}")
        return_code = CONFIGURATION_EXIT
    except* Exception as group:  # The last boundary: the operator's supervisor acts on the code.
        logger.critical("worker_failed", exc_info=group)
        return_code = FAILURE_EXIT
    else:
        return_code = 0
    return return_code


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _serve(settings: Settings, say: Callable[[str], None]) -> None:
    if settings.server.workers > 1:
        say("netra-actors: WEB_CONCURRENCY is above 1, and this release runs one worker.")
    listeners = open_listeners(settings.server.host, settings.server.port)
    host, port = listeners[0].getsockname()[:2]
    last_resort = threading.Timer(
        settings.drain.total_s + LAST_RESORT_S, partial(_leave_anyway, say)
    )
    last_resort.daemon = True
    with ExitStack() as stack, trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        for listener in listeners:
            # The server closes them too; it may never come to that.
            stack.enter_context(listener)

        async def stop() -> None:
            async for number in signals:
                logger.info("signal_received", signal=signal.Signals(number).name)
                last_resort.start()
                return

        try:
            await serve_worker(
                settings, listeners, stop, on_ready=partial(_welcome, say, host, port)
            )
        finally:
            last_resort.cancel()


def _leave_anyway(say: Callable[[str], None]) -> None:
    """End the process as a kill would, which the record is made for: what is committed stays."""
    say("netra-actors: not everything stopped in time; leaving all the same.")
    os._exit(FAILURE_EXIT)


def _welcome(say: Callable[[str], None], host: str, port: int, worker: "Worker") -> None:
    shown = f"[{host}]" if ":" in host else host
    names = ", ".join(agent.name for agent in worker.agents())
    record = worker.settings.record
    where = "memory" if record.durability == "memory" else mask_password(record.database_url)
    say(f"netra_actors serves http://{shown}:{port}")
    say(f"  agents: {names}    record: {where}    durability: {record.durability}")
    if worker.authenticator.guests is not None:
        say(f"  {BANNER}")
