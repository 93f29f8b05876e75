"""One worker, put together: every part is made here and handed what it needs.

`Worker` is what the HTTP side sees of all this (`netra_actors.web.ports.Worker`).
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, final

import attrs
import trio

from netra_actors.agents.registry import AgentRegistry
from netra_actors.connections.delivery import DeliveryCounts
from netra_actors.connections.pool import WebSocketConnectionPool
from netra_actors.errors import RecordUnavailable, Unavailable
from netra_actors.identity import RunID, UnifiedIdGenerator, UserExecutionContext
from netra_actors.log.committer import Committer
from netra_actors.log.port import Record
from netra_actors.protocol.commands import Cursor
from netra_actors.service.streaming import open_stream
from netra_actors.sessions.sessions import Sessions
from netra_actors.settings import Settings
from netra_actors.version import __version__
from netra_actors.web.auth import Authenticator
from netra_actors.web.edge import Edge
from netra_actors.web.limits import Buckets
from netra_actors.web.metrics import Metrics
from netra_actors.web.ports import AgentInfo, Counts, StreamItem
from netra_actors.web.tickets import Tickets

KEPT_MISSING: Final = 100


@final
@attrs.frozen(kw_only=True)
class MissingEvents:
    """A completed run that lacks events which its agent promised."""

    run_id: RunID
    agent_name: str
    missing: Sequence[str]


@final
@attrs.define(eq=False)
class Rate:
    """Events per second, measured between two ticks."""

    per_s: float = 0.0
    _seen: int = 0
    _at: float = attrs.field(factory=trio.current_time)

    def tick(self, count: int) -> None:
        """Note that *count* events have been seen in all."""
        now = trio.current_time()
        if now > self._at:
            self.per_s = round((count - self._seen) / (now - self._at), 1)
        self._seen, self._at = count, now


@final
@attrs.define(eq=False, kw_only=True)
class Worker:
    """The parts of one worker."""

    settings: Settings
    record: Record
    committer: Committer
    sessions: Sessions
    registry: AgentRegistry
    authenticator: Authenticator
    tickets: Tickets
    rates: Buckets[str]
    ids: UnifiedIdGenerator
    metrics: Metrics
    pool: WebSocketConnectionPool
    delivered: DeliveryCounts
    missing: deque[MissingEvents]
    started_at: int
    edge: Edge
    committed_rate: Rate = attrs.field(factory=Rate)
    delivered_rate: Rate = attrs.field(factory=Rate)
    is_ready: bool = False
    is_draining: bool = False

    @property
    def directory(self) -> Sessions:
        """Where the HTTP side has commands executed."""
        return self.sessions

    def stream(
        self, context: UserExecutionContext, cursor: Cursor | None
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[StreamItem]]]:
        """Open a connection that only listens; see the port."""
        return open_stream(self, context, cursor)

    async def erase(self, context: UserExecutionContext) -> None:
        """Delete everything that is stored of the context's user, and end the session."""
        try:
            await self.sessions.erase(context)
        except RecordUnavailable as error:
            raise Unavailable(str(error), retry_after_s=1.0) from error

    def agents(self) -> Sequence[AgentInfo]:
        """Return what can be asked, the default agent first."""
        default = self.registry.agents[self.registry.default]
        others = [agent for agent in self.registry.agents.values() if agent is not default]
        return [
            AgentInfo(
                name=agent.name,
                description=agent.description,
                promises=tuple(sorted(agent.promises)),
            )
            for agent in (default, *others)
        ]

    def counts(self) -> Counts:
        """Return what the worker holds now."""
        return Counts(
            sessions=len(self.sessions),
            connections=len(self.pool),
            runs=len(self.sessions.open_runs()),
        )

    def checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return a call for each dependency that raises when it is down."""
        return {"record": self.record.check}

    def ready(self) -> bool:
        """Return whether new users should be sent here."""
        return self.is_ready and not self.is_draining and self.committer.available

    def draining(self) -> bool:
        """Return whether the worker is leaving."""
        return self.is_draining

    def picture(self) -> Mapping[str, Any]:
        """Return what the observer page shows, as JSON values: no message texts."""
        now = self.ids.clock()
        return {
            "at": now,
            "uptime_s": (now - self.started_at) // 1000,
            "version": __version__,
            "tree": attrs.asdict(self.sessions.tree()),
            "sessions": self.sessions.facts(),
            "runs": [self._run_facts(bridge) for _, bridge in self.sessions.open_runs()],
            "connections": [connection.facts() for connection in self.pool],
            "events_per_s": self.delivered_rate.per_s,
            "committed_per_s": self.committed_rate.per_s,
            "missing_events": [attrs.asdict(item) for item in self.missing],
            "watch": [],
        }

    @staticmethod
    def _run_facts(bridge: Any) -> Mapping[str, Any]:
        run = bridge.run
        return {
            "run_id": run.run_id,
            "user_id": run.context.user_id,
            "agent_name": bridge.agent.name,
            "state": "cancelling" if run.cancelled_by else "running",
            "age_s": round(trio.current_time() - bridge.started_at, 1),
            "events": sum(run.notifier.counts.values()),
        }
