"""How a connection begins and ends, whatever carries it: a WebSocket or an event stream."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

import attrs

from netra_actors.connections.connection import Connection, ConnectionConfig
from netra_actors.connections.delivery import Delivery, DeliveryCounts, Spawn
from netra_actors.connections.pool import WebSocketConnectionPool
from netra_actors.connections.sinks import FrameSink
from netra_actors.identity import ConnectionID, UserExecutionContext
from netra_actors.log.port import Record
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.controls import Limits, Mode, Welcome
from netra_actors.sessions.entry import SessionEntry
from netra_actors.settings import SocketSettings


@final
@attrs.frozen(eq=False, kw_only=True)
class Carrier:
    """What carries a connection.

    Attributes:
        sink: where its frames go.
        spawn: starts a task that ends with the carrier.
        hang_up: has the carrier end.
        batched: whether a frame may be an array of events.
        beats: whether heartbeats are sent.
        device: what the client calls itself.
        address: where it comes from.
    """

    sink: FrameSink
    spawn: Spawn
    hang_up: Callable[[], object]
    batched: bool
    beats: bool
    device: str
    address: str = ""


@final
@attrs.frozen(eq=False, kw_only=True)
class Opening:
    """Makes the connections of a worker and has them greeted."""

    pool: WebSocketConnectionPool
    record: Record
    sockets: SocketSettings
    config: ConnectionConfig
    counts: DeliveryCounts
    on_mode: Callable[[str], None]
    """Told how each connection began: resumed, snapshot or fresh."""

    def connection(
        self,
        context: UserExecutionContext,
        connection_id: ConnectionID,
        entry: SessionEntry,
        carrier: Carrier,
        *,
        expires_at: int,
    ) -> Connection:
        """Return a connection of *entry*'s user; nothing is attached or sent yet."""

        def end(code: CloseCode) -> None:
            connection.end(code)

        delivery = Delivery(
            log=entry.log,
            record=self.record,
            sink=carrier.sink,
            batched=carrier.batched,
            spawn=carrier.spawn,
            end=end,
            window_bytes=self.sockets.window_bytes,
            counts=self.counts,
        )
        connection = Connection(
            context=context,
            connection_id=connection_id,
            entry=entry,
            delivery=delivery,
            config=self.config,
            carrier=carrier,
            expires_at=expires_at,
        )
        return connection

    @contextmanager
    def attached(self, connection: Connection) -> Iterator[None]:
        """Have the connection be one of its user's, for the length of the block.

        The caller asked `WebSocketConnectionPool.make_room` in the same step.
        """
        self.pool.add(connection)
        connection.entry.attach(connection)
        try:
            yield
        finally:
            self.pool.remove(connection)
            connection.delivery.stop()
            connection.entry.detach(connection)
            connection.typing.stop()

    async def start(
        self, connection: Connection, cursor: Cursor | None, *, expires_in_s: float | None
    ) -> None:
        """Send `welcome`, what was missed since *cursor*, and `replay_end`; then go live.

        Raises:
            RecordUnavailable: what was missed cannot be read now.
            trio.BrokenResourceError: the peer is gone.
            trio.TooSlowError: the peer takes nothing.
        """
        log = connection.entry.log

        def welcome(mode: Mode, head: int) -> bytes:
            self.on_mode(mode)
            return Welcome(
                connection_id=connection.connection_id,
                user_id=connection.context.user_id,
                epoch=log.epoch,
                head=head,
                mode=mode,
                heartbeat_s=self.sockets.heartbeat_s,
                expires_in_s=expires_in_s,
                limits=Limits(
                    max_message_bytes=self.sockets.max_message_bytes,
                    window_bytes=self.sockets.window_bytes,
                ),
                plan=connection.context.plan,
                server_time=self.config.wall_clock_ms(),
            ).encode()

        known = cursor is not None and cursor.epoch == log.epoch
        await connection.delivery.start(cursor.seq if cursor and known else None, welcome)
        connection.welcome()
