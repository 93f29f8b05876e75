"""Building a worker: who is handed what. No decision is taken here."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
import trio

from netra_actors.agents.registry import AgentRegistry
from netra_actors.agents.run import RunServices
from netra_actors.agents.tools import ThreadRunner
from netra_actors.connections.connection import Connection, ConnectionConfig
from netra_actors.connections.delivery import DeliveryCounts
from netra_actors.connections.opening import Opening
from netra_actors.connections.pool import PoolConfig, WebSocketConnectionPool
from netra_actors.identity import (
    ConnectionID,
    RunID,
    UnifiedIdGenerator,
    UserExecutionContext,
    UserID,
)
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogLimits
from netra_actors.log.port import FileRow, Record
from netra_actors.protocol.events import FileRef
from netra_actors.service.worker import MissingEvents, Worker
from netra_actors.sessions.bridge import AgentWebSocketBridge
from netra_actors.sessions.engine import ExecutionEngineFactory
from netra_actors.sessions.loading import Loading
from netra_actors.sessions.sessions import SessionParts, Sessions
from netra_actors.settings import Settings
from netra_actors.web.auth import Authenticator
from netra_actors.web.edge import Edge
from netra_actors.web.limits import Buckets
from netra_actors.web.metrics import Metrics
from netra_actors.web.tickets import Tickets

logger = structlog.get_logger(__name__)

USER_SHARE: Final = 5
"""All connections of a user together may send as many commands as that many of them alone."""


def session_parts(
    settings: Settings,
    agents: AgentRegistry,
    record: Record,
    committer: Committer,
    ids: UnifiedIdGenerator,
    metrics: Metrics,
    missing: deque[MissingEvents],
) -> SessionParts:
    """Return what every session is made of."""
    limits = LogLimits(
        wait_bytes=settings.sessions.uncommitted_session_bytes,
        full_bytes=settings.sessions.log_limit_bytes,
    )
    loading = Loading(
        record=record,
        committer=committer,
        clock=ids.clock,
        new_epoch=lambda: record.epoch_for(ids.generate("s").rpartition("_")[2]),
        limits=limits,
        default_plan=settings.auth.default_plan,
    )
    engines = ExecutionEngineFactory(
        agents=agents,
        plans=settings.plans,
        services=_run_services(settings, record, ids, metrics, missing),
        queue_capacity=settings.sessions.queue_capacity,
    )
    return SessionParts(
        loading=loading,
        engines=engines,
        ids=ids,
        mailbox_capacity=settings.sessions.mailbox_capacity,
        take_message=_message_rate(settings, metrics),
        on_run_end=partial(_note_run, metrics),
    )


def _run_services(
    settings: Settings,
    record: Record,
    ids: UnifiedIdGenerator,
    metrics: Metrics,
    missing: deque[MissingEvents],
) -> RunServices:
    async def store(context: UserExecutionContext, name: str, body: bytes) -> FileRef:
        file_id = ids.generate_file_id()
        row = FileRow(file_id=file_id, name=name, body=body, created_at=ids.clock())
        await record.put_file(context.user_id, row)
        return FileRef(file_id=file_id, bytes=len(body))

    def on_missing(run_id: RunID, agent: str, types: Sequence[str]) -> None:
        missing.append(MissingEvents(run_id=run_id, agent_name=agent, missing=types))
        for name in types:
            metrics.missing_events.add(name)
        logger.warning("events_missing", run_id=run_id, agent=agent, missing=list(types))

    limiter = trio.CapacityLimiter(settings.agents.tool_threads)
    return RunServices(ids=ids, run_sync=ThreadRunner(limiter), store=store, on_missing=on_missing)


def _message_rate(settings: Settings, metrics: Metrics) -> Callable[[UserExecutionContext], float]:
    buckets: dict[str, Buckets[UserID]] = {}

    def take(context: UserExecutionContext) -> float:
        if context.plan not in buckets:
            plan = settings.plans.named(context.plan)
            buckets[context.plan] = Buckets(plan.messages_per_min / 60, plan.messages_burst)
        wait_s = buckets[context.plan].take(context.user_id)
        if wait_s:
            metrics.rate_limited.add("messages")
        return wait_s

    return take


def _note_run(metrics: Metrics, bridge: AgentWebSocketBridge) -> None:
    status = bridge.run.ended_as or "unknown"
    metrics.run_ended(status, trio.current_time() - bridge.started_at)


def build_worker(
    settings: Settings,
    agents: AgentRegistry,
    authenticator: Authenticator,
    sessions: Sessions,
    parts: SessionParts,
    metrics: Metrics,
    missing: deque[MissingEvents],
) -> Worker:
    """Put the worker together around its sessions."""
    edge = _build_edge(settings, authenticator, sessions, parts, metrics)
    sockets = settings.sockets
    worker = Worker(
        settings=settings,
        record=parts.record,
        committer=parts.committer,
        sessions=sessions,
        registry=agents,
        authenticator=authenticator,
        tickets=edge.tickets,
        rates=Buckets(sockets.commands_per_s, sockets.commands_burst),
        ids=parts.ids,
        metrics=metrics,
        pool=edge.pool,
        delivered=edge.opening.counts,
        missing=missing,
        started_at=parts.ids.clock(),
        edge=edge,
    )
    metrics.gauges.update(_gauges(worker))
    return worker


def _build_edge(
    settings: Settings,
    authenticator: Authenticator,
    sessions: Sessions,
    parts: SessionParts,
    metrics: Metrics,
) -> Edge:
    """Return what serves every WebSocket, with the pool of all connections."""
    clock, sockets = parts.ids.clock, settings.sockets

    async def authorize(connection: Connection, token: str) -> Mapping[str, Any]:
        return await edge.authorize(connection, token)

    pool = WebSocketConnectionPool(
        PoolConfig(
            heartbeat_s=sockets.heartbeat_s,
            heartbeat_grace_s=sockets.heartbeat_grace_s,
            connections_of=lambda plan: settings.plans.named(plan).connections,
            wall_clock_ms=clock,
        )
    )
    config = ConnectionConfig(
        max_message_bytes=sockets.max_message_bytes,
        wall_clock_ms=clock,
        authorize=authorize,
        take_command=_command_rate(settings, metrics),
        on_error=metrics.errors.add,
        on_command=metrics.commands.add,
    )
    opening = Opening(
        pool=pool,
        record=parts.record,
        sockets=sockets,
        config=config,
        counts=DeliveryCounts(),
        on_mode=metrics.resumes.add,
    )
    edge = Edge(
        settings=settings,
        authenticator=authenticator,
        tickets=Tickets(settings.auth.ticket_ttl_s),
        directory=sessions,
        pool=pool,
        opening=opening,
        ids=parts.ids,
        metrics=metrics,
    )
    return edge


def _gauges(worker: Worker) -> dict[str, Callable[[], float | Mapping[str, float]]]:
    """Return what is read when somebody scrapes."""
    return {
        "sessions": lambda: len(worker.sessions),
        "connections": lambda: {"open": len(worker.pool)},
        "runs_active": lambda: len(worker.sessions.open_runs()),
        "mailbox_depth": worker.sessions.mailbox_depth,
        "uncommitted_bytes": lambda: worker.committer.uncommitted_bytes,
        "uptime_seconds": lambda: (worker.ids.clock() - worker.started_at) / 1000,
    }


def _command_rate(
    settings: Settings, metrics: Metrics
) -> Callable[[UserExecutionContext, ConnectionID, bool], float]:
    sockets = settings.sockets
    own: Buckets[tuple[ConnectionID, bool]] = Buckets(
        sockets.commands_per_s, sockets.commands_burst
    )
    shared: Buckets[UserID] = Buckets(
        USER_SHARE * sockets.commands_per_s, USER_SHARE * sockets.commands_burst
    )

    def take(context: UserExecutionContext, connection_id: ConnectionID, urgent: bool) -> float:
        wait_s = own.take((connection_id, urgent))
        if not urgent and not wait_s:
            wait_s = shared.take(context.user_id)
        if wait_s:
            metrics.rate_limited.add("socket")
        return wait_s

    return take
