"""A worker's connections, by user: limits, heartbeat, drain.

One task, the worker's housekeeping, calls `tick` every second for all of them; no connection has
a task for its heartbeat.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final, final

import attrs
import structlog
import trio

from netra_actors.connections.connection import Connection
from netra_actors.connections.manager import WebSocketManager
from netra_actors.errors import QuotaExceeded
from netra_actors.identity import UserExecutionContext, UserID
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.controls import Draining, Heartbeat, TokenExpiring

logger = structlog.get_logger(__name__)

SILENT_S: Final = 8.0
"""A connection silent for longer gives way when its user has too many."""
EXPIRY_WARNING_S: Final = 60.0
SPREAD_S: Final = 2.0
"""Over which clients come back after a drain."""


@attrs.frozen(kw_only=True)
class PoolConfig:
    """Bounds and periods of a worker's connections."""

    heartbeat_s: float
    heartbeat_grace_s: float
    connections_of: Callable[[str], int]
    """How many a user of that plan may have."""
    wall_clock_ms: Callable[[], int]


@final
@attrs.define(eq=False)
class WebSocketConnectionPool:
    """The connections of one worker.

    Attributes:
        opened: connections that were ever added.
        draining: whether everybody was told to come back later.
        closes: how many ended, by close code.
    """

    config: PoolConfig
    opened: int = attrs.field(default=0, init=False)
    draining: bool = attrs.field(default=False, init=False)
    closes: dict[int, int] = attrs.field(factory=dict, init=False)
    _managers: dict[UserID, WebSocketManager] = attrs.field(factory=dict, init=False)
    _count: int = attrs.field(default=0, init=False)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Connection]:
        for manager in tuple(self._managers.values()):
            yield from manager.connections

    def manager(self, context: UserExecutionContext) -> WebSocketManager | None:
        """Return the manager of the context's user; None while the user has no connection."""
        return self._managers.get(context.user_id)

    def make_room(self, context: UserExecutionContext) -> None:
        """Let one more connection of the user in, or refuse it.

        At the cap the one that has been silent longest past 8 s is closed, so that half-open
        phones do not lock their user out.

        Raises:
            QuotaExceeded: the user has as many as the plan allows, all of them alive.
        """
        manager = self._managers.get(context.user_id)
        limit = self.config.connections_of(context.plan)
        if manager is None or len(manager) < limit:
            return
        quietest = manager.quietest(before=trio.current_time() - SILENT_S)
        if quietest is None:
            raise QuotaExceeded(
                f"this user has {len(manager)} connections; the plan allows {limit}",
                recovery="Close another tab or device.",
                retry_after_s=SILENT_S,
            )
        self.remove(quietest)
        quietest.end(CloseCode.TOO_MANY_CONNECTIONS)

    def add(self, connection: Connection) -> None:
        """Add a connection; `make_room` was asked in the same step."""
        user_id = connection.context.user_id
        manager = self._managers.get(user_id)
        if manager is None:
            manager = self._managers[user_id] = WebSocketManager(connection.context)
        manager.add_connection(connection)
        self._count += 1
        self.opened += 1

    def remove(self, connection: Connection) -> None:
        """Forget a connection, and its user's manager with the last one; idempotent."""
        manager = self._managers.get(connection.context.user_id)
        if manager is None or not manager.remove_connection(connection.connection_id):
            return
        self._count -= 1
        if not len(manager):
            del self._managers[connection.context.user_id]

    def note_close(self, code: int) -> None:
        """Count an ended connection."""
        self.closes[code] = self.closes.get(code, 0) + 1

    def tick(self) -> None:
        """Do what is due for each connection: heartbeat, its answer, expiry, typing."""
        now, wall = trio.current_time(), self.config.wall_clock_ms()
        for connection in self:
            try:
                self._look_after(connection, now, wall)
            except Exception:  # One connection's fault must not silence all behind it.
                logger.exception("connection_broke", connection_id=connection.connection_id)
                connection.end(CloseCode.INTERNAL)

    def _look_after(self, connection: Connection, now: float, wall: int) -> None:
        self._beat(connection, now)
        self._check_token(connection, wall)
        connection.typing.expire(now)
        if connection.delivery.is_stalled:
            connection.end(CloseCode.TOO_SLOW)

    def _beat(self, connection: Connection, now: float) -> None:
        pinged = connection.pinged_at
        if pinged is not None:
            if connection.sink.last_heard >= pinged:
                connection.pinged_at = None
            elif now - pinged >= self.config.heartbeat_grace_s:
                connection.end(CloseCode.NO_HEARTBEAT)
                return
        if now - connection.beat_at < self.config.heartbeat_s:
            return
        connection.beat_at = now
        if connection.pinged_at is None:
            connection.pinged_at = now
        self._send_beat(connection)

    def _send_beat(self, connection: Connection) -> None:
        try:
            connection.sink.ping()
        except trio.BrokenResourceError:
            connection.end(CloseCode.NO_HEARTBEAT)
            return
        if connection.carrier.beats and connection.delivery.live:
            beat = Heartbeat(head=connection.entry.log.committed, sent=connection.sent)
            connection.control(beat.encode())

    def _check_token(self, connection: Connection, wall: int) -> None:
        left_s = (connection.expires_at - wall) / 1000
        if left_s <= 0:
            connection.end(CloseCode.UNAUTHORIZED)
        elif left_s <= EXPIRY_WARNING_S and not connection.warned:
            connection.warned = True
            connection.control(TokenExpiring(in_s=round(left_s, 1)).encode())

    def drain(self, spread_s: float = SPREAD_S) -> None:
        """Tell every client when to come back, each at its own moment, and close it 4001."""
        self.draining = True
        for connection in self:
            connection.control(drain_notice(spread_s))
            connection.end(CloseCode.DRAINING)


def drain_notice(spread_s: float) -> bytes:
    """Return a `draining` frame that names a moment within *spread_s*."""
    delay = random.uniform(0.0, spread_s)  # noqa: S311  # a spread, not a secret
    return Draining(reconnect_after_ms=round(delay * 1000)).encode()
