"""Running a worker: start in order, serve, and leave politely.

The nesting is the start order, and leaving the blocks is the stop order: record, committer,
sessions, server. A drain has one deadline for everything; nothing that was not flushed by then
was visible to anybody.
"""

import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
import trio

from netra_actors.actors.supervisor import ChildSpec, Restart, RestartBudget, supervise
from netra_actors.agents.registry import AgentRegistry
from netra_actors.errors import RecordError, Unavailable
from netra_actors.identity import UnifiedIdGenerator
from netra_actors.log.committer import Committer
from netra_actors.record import open_record
from netra_actors.server.connection import Limits
from netra_actors.server.hypercorn import make_config, serve
from netra_actors.service.building import build_worker, session_parts
from netra_actors.service.housekeeping import beats_of, chores_of, keep_house
from netra_actors.service.worker import MissingEvents, Worker
from netra_actors.sessions.sessions import open_sessions
from netra_actors.settings import Settings
from netra_actors.web.app import create_app
from netra_actors.web.auth import Authenticator, open_authenticator
from netra_actors.web.metrics import Metrics

logger = structlog.get_logger(__name__)

COMMITTER_BUDGET: Final = RestartBudget(intensity=3, period_s=10.0)

Wait = Callable[[], Awaitable[object]]


@asynccontextmanager
async def open_worker(
    settings: Settings,
    agents: AgentRegistry,
    authenticator: Authenticator,
    *,
    ids: UnifiedIdGenerator | None = None,
) -> AsyncIterator[Worker]:
    """Open record, committer and sessions for the length of the block; serves nothing.

    Leaving it interrupts what still runs, flushes within `flush_grace_s` and closes the record.

    Raises:
        ConfigurationError: the record cannot be opened as configured.
    """
    ids = ids or UnifiedIdGenerator()
    metrics, missing = Metrics(), deque[MissingEvents](maxlen=100)
    url = str(settings.record.database_url)
    async with open_record(url, durability=settings.record.durability) as record:
        committer = Committer(record=record, on_batch=partial(_count_batch, metrics))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run_committer, committer)
            parts = session_parts(settings, agents, record, committer, ids, metrics, missing)
            async with open_sessions(parts) as sessions:
                yield build_worker(
                    settings, agents, authenticator, sessions, parts, metrics, missing
                )
            with trio.move_on_after(settings.drain.flush_grace_s) as flush:
                await committer.wait_idle()
            if flush.cancelled_caught:
                logger.error("not_flushed", uncommitted_bytes=committer.uncommitted_bytes)
            nursery.cancel_scope.cancel(reason="the worker has closed")


def _count_batch(metrics: Metrics, events: int, size_bytes: int, seconds: float) -> None:
    metrics.committed(events=events, size_bytes=size_bytes, seconds=seconds)


async def _run_committer(committer: Committer) -> None:
    """Keep the committer running; its failure beyond the intensity ends the worker."""
    await supervise(
        ChildSpec(
            name="committer",
            run=committer.run,
            restart=Restart.PERMANENT,
            budget=COMMITTER_BUDGET,
            backoff_s=0.1,
        )
    )


async def serve_worker(
    settings: Settings,
    listeners: Sequence[socket.socket],
    stop: Wait,
    *,
    on_ready: Callable[[Worker], None] = lambda _: None,
    agents: AgentRegistry | None = None,
) -> None:
    """Serve until *stop* returns, then drain.

    Args:
        settings: what the operator set.
        listeners: listening sockets; closed at the end.
        stop: returns when the worker shall leave.
        on_ready: called once connections are accepted.
        agents: those to offer; loaded from the settings by default.

    Raises:
        ConfigurationError: something that the operator gave is wrong.
    """
    registry = agents or AgentRegistry.load(settings.agents.modules)
    authenticator = open_authenticator(settings)
    scope = trio.CancelScope()
    with scope:
        async with open_worker(settings, registry, authenticator) as worker:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_house, worker, beats_of(worker))
                nursery.start_soon(keep_house, worker, chores_of(worker))
                nursery.start_soon(_sweep, worker)
                await _serve(worker, listeners, partial(_leave, worker, stop, scope), on_ready)
                nursery.cancel_scope.cancel(reason="nobody is served any more")
            await _end_runs(worker)
    if scope.cancelled_caught:
        logger.error("drain_cut", after_s=settings.drain.total_s)


async def _serve(
    worker: Worker,
    listeners: Sequence[socket.socket],
    leave: Wait,
    on_ready: Callable[[Worker], None],
) -> None:
    """Serve until *leave* returns and what was under way has ended."""
    app = create_app(worker)
    app.netra_socket_handler = worker.edge.serve
    config = make_config(graceful_timeout_s=worker.settings.drain.close_grace_s)
    async with trio.open_nursery() as nursery:
        limits = Limits(max_connections=worker.settings.server.max_connections)
        await nursery.start(
            partial(serve, app, config, listeners, shutdown_trigger=leave, limits=limits)
        )
        worker.is_ready = True
        on_ready(worker)


async def _sweep(worker: Worker) -> None:
    """Close the runs that a crash left open, before their users come back."""
    try:
        count = await worker.sessions.sweep()
    except (RecordError, Unavailable) as error:
        logger.error("sweep_failed", error=str(error))  # noqa: TRY400  # it says all there is
        return
    if count:
        logger.info("sessions_swept", count=count)


async def _leave(worker: Worker, stop: Wait, scope: trio.CancelScope) -> None:
    """Wait for the end, then tell every client; the server stops accepting after this."""
    await stop()
    drain = worker.settings.drain
    scope.deadline = trio.current_time() + drain.total_s
    worker.is_draining = True
    worker.sessions.pause()
    logger.info("draining", **_counts(worker))
    worker.edge.drain()


def _counts(worker: Worker) -> dict[str, int]:
    counts = worker.counts()
    return {"sessions": counts.sessions, "connections": counts.connections, "runs": counts.runs}


async def _end_runs(worker: Worker) -> None:
    """Let runs finish for a while, then stop the rest, each closed in order."""
    drain = worker.settings.drain
    runs = [bridge for _, bridge in worker.sessions.open_runs()]
    with trio.move_on_after(drain.run_grace_s):
        for bridge in runs:
            await bridge.ended.wait()
    for bridge in runs:
        bridge.stop("drain", "the service is leaving")
    with trio.move_on_after(drain.close_grace_s):
        for bridge in runs:
            await bridge.ended.wait()
