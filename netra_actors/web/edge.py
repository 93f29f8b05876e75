"""The edge of `/ws`: from an upgrade to a connection of a known user, and back to nothing.

Whoever fails a check here never reaches a session. What a browser can see of a refusal decides
how it is told: before the upgrade as HTTP, after it as an `error` and a close code.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import structlog
import trio

from netra_actors.connections.connection import Connection, ConnectionConfig
from netra_actors.connections.delivery import Delivery, DeliveryCounts
from netra_actors.connections.pool import WebSocketConnectionPool
from netra_actors.errors import (
    ClientError,
    QuotaExceeded,
    RecordUnavailable,
    Unauthorized,
    Unavailable,
)
from netra_actors.identity import ThreadID, UnifiedIdGenerator, UserExecutionContext
from netra_actors.log.port import Record
from netra_actors.protocol.answers import encode_error
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Hello
from netra_actors.protocol.controls import Limits, Mode, Welcome
from netra_actors.sessions.directory import Directory
from netra_actors.sessions.entry import SessionEntry
from netra_actors.settings import Settings
from netra_actors.web.auth import Authenticator
from netra_actors.web.credentials import (
    BadCredential,
    HeaderToken,
    Identity,
    NoCredential,
    SubprotocolToken,
    Ticket,
)
from netra_actors.web.greeting import Greeting, Refused, read_greeting
from netra_actors.web.metrics import Metrics
from netra_actors.web.socket import FrameTooLarge, Socket, SocketClosed
from netra_actors.web.tickets import Tickets
from netra_actors.web.upgrade import Upgrade, read_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = structlog.get_logger(__name__)

NETRA_V1: Final = "netra.v1"


@final
@attrs.define(eq=False, kw_only=True)
class Edge:
    """Serves every WebSocket of a worker; `serve` is the application's socket handler."""

    settings: Settings
    authenticator: Authenticator
    tickets: Tickets
    directory: Directory
    pool: WebSocketConnectionPool
    record: Record
    ids: UnifiedIdGenerator
    metrics: Metrics
    config: ConnectionConfig
    counts: DeliveryCounts
    _pending: dict[str, int] = attrs.field(factory=dict, init=False)
    """Sockets without a credential, by address."""

    async def serve(self, socket: Socket) -> None:
        """Serve one socket to its end.

        Cancellation: the socket is closed by its owner; nothing of the session is touched.
        """
        upgrade = read_upgrade(socket, self.settings.server)
        if upgrade.refusal is not None:
            await self._reject(socket, *upgrade.refusal)
            return
        identity = None
        if isinstance(upgrade.credential, HeaderToken):
            try:
                identity = await self.authenticator.authenticate(upgrade.credential.token)
            except ClientError as error:
                await self._reject(socket, error.http_status, error)
                return
        if len(self.pool) >= self.settings.server.max_connections:
            await self._reject(socket, 503, Unavailable("this worker is full"))
            return
        await self._greet(socket, upgrade, identity)

    async def _reject(self, socket: Socket, status: int, error: ClientError) -> None:
        self._count(error)
        body = encode_error(error, None, None, self.config.wall_clock_ms())
        await socket.reject(status, body, [(b"content-type", b"application/json")])

    def _count(self, error: ClientError) -> None:
        self.config.on_error(error.code)
        if isinstance(error, BadCredential):
            self.metrics.auth_failures.add(error.reason)

    async def _greet(self, socket: Socket, upgrade: Upgrade, identity: Identity | None) -> None:
        with self._hold_pending(upgrade) as admitted:
            if not admitted:
                error = QuotaExceeded("too many sockets of this address have shown no token yet")
                await self._reject(socket, 429, error)
                return
            await socket.accept(upgrade.subprotocol)
            try:
                identity = identity or await self._identify(upgrade)
                greeting = await read_greeting(
                    socket,
                    upgrade,
                    identity,
                    authenticate=self.authenticator.authenticate,
                    timeout_s=self.settings.sockets.hello_timeout_s,
                    answer=partial(self._answer, socket),
                )
                self.pool.make_room(greeting.identity.context())
            except Refused as refused:
                await self._close(socket, refused.error, refused.code)
                return
            except BadCredential as error:
                await self._close(socket, error, CloseCode.UNAUTHORIZED)
                return
            except QuotaExceeded as error:
                await self._close(socket, error, CloseCode.TOO_MANY_CONNECTIONS)
                return
            except ClientError as error:
                await self._close(socket, error, CloseCode.INTERNAL)
                return
        await self._enter(socket, upgrade, greeting)

    @contextmanager
    def _hold_pending(self, upgrade: Upgrade) -> "Iterator[bool]":
        """Count a socket without credential for its address, while it has none."""
        if not isinstance(upgrade.credential, NoCredential):
            yield True
            return
        held = self._pending.get(upgrade.address, 0)
        if held >= self.settings.sockets.pending_sockets_per_address:
            yield False
            return
        self._pending[upgrade.address] = held + 1
        try:
            yield True
        finally:
            left = self._pending[upgrade.address] - 1
            if left:
                self._pending[upgrade.address] = left
            else:
                del self._pending[upgrade.address]

    async def _identify(self, upgrade: Upgrade) -> Identity | None:
        match upgrade.credential:
            case SubprotocolToken(token):
                return await self.authenticator.authenticate(token)
            case Ticket(ticket):
                return self.tickets.redeem(ticket)
            case _:
                return None

    def _answer(self, socket: Socket, error: ClientError, re: str | None) -> None:
        frame = encode_error(
            error, getattr(error, "message_id", None), re, self.config.wall_clock_ms()
        )
        try:
            socket.sink.write([frame])
        except trio.BrokenResourceError:
            logger.debug("peer_left_before_answer", code=error.code)

    async def _close(self, socket: Socket, error: ClientError | None, code: CloseCode) -> None:
        if error is not None:
            self._count(error)
            self._answer(socket, error, None)
        self.pool.note_close(code)
        await socket.close(code, code.reason)

    async def _enter(self, socket: Socket, upgrade: Upgrade, greeting: Greeting) -> None:
        connection_id = self.ids.generate_websocket_connection_id()
        context = greeting.identity.context(
            request_id=self.ids.generate_request_id(), connection_id=connection_id
        )
        try:
            entry = await self.directory.entry(context)
        except ClientError as error:
            await self._close(socket, error, CloseCode.INTERNAL)
            return
        refused = _refusal_of(entry, greeting.hello)
        if refused is not None:
            await self._close(socket, refused.error, refused.code)
            return
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            connection = self._connection(socket, upgrade, greeting, context, entry, nursery, scope)
            self.pool.add(connection)
            entry.attach(connection)
            try:
                await self._live(socket, connection, greeting, scope)
            finally:
                self.pool.remove(connection)
                connection.delivery.stop()
                entry.detach(connection)
                connection.stop_typing()
                nursery.cancel_scope.cancel(reason="the connection has ended")

    def _connection(
        self,
        socket: Socket,
        upgrade: Upgrade,
        greeting: Greeting,
        context: UserExecutionContext,
        entry: SessionEntry,
        nursery: trio.Nursery,
        scope: trio.CancelScope,
    ) -> Connection:
        assert context.connection_id is not None  # noqa: S101  # `_enter` has just set it
        batched = upgrade.subprotocol == NETRA_V1

        def end(code: CloseCode) -> None:
            connection.end(code)

        delivery = Delivery(
            log=entry.log,
            record=self.record,
            sink=socket.sink,
            batched=batched,
            spawn=nursery.start_soon,
            end=end,
            window_bytes=self.settings.sockets.window_bytes,
            counts=self.counts,
        )
        connection = Connection(
            context=context,
            connection_id=context.connection_id,
            entry=entry,
            sink=socket.sink,
            delivery=delivery,
            config=self.config,
            batched=batched,
            hang_up=scope.cancel,
            beats=batched,
            expires_at=greeting.identity.expires_at,
            device=greeting.hello.device or "unknown",
            address=upgrade.address,
        )
        if greeting.hello.thread_id is not None:
            connection.thread_id = ThreadID(greeting.hello.thread_id)
        return connection

    async def _live(
        self, socket: Socket, connection: Connection, greeting: Greeting, scope: trio.CancelScope
    ) -> None:
        code: CloseCode | None = None
        with scope:
            try:
                await self._welcome(connection, greeting)
                if greeting.first_frame is not None:
                    await connection.feed(greeting.first_frame)
                while True:
                    await connection.feed(await socket.receive())
            except SocketClosed as closed:
                self.pool.note_close(closed.code)
                return
            except FrameTooLarge:
                code = CloseCode.TOO_LARGE
            except RecordUnavailable as error:
                connection.control(
                    encode_error(Unavailable(str(error)), None, None, self.config.wall_clock_ms())
                )
                code = CloseCode.INTERNAL
            except trio.BrokenResourceError:
                code = CloseCode.INTERNAL
            except trio.TooSlowError:
                code = CloseCode.TOO_SLOW
        code = code or connection.close_code or CloseCode.NORMAL
        self.pool.note_close(code)
        await socket.close(code, code.reason)

    async def _welcome(self, connection: Connection, greeting: Greeting) -> None:
        cursor = greeting.hello.cursor
        log = connection.entry.log
        known = cursor is not None and cursor.epoch == log.epoch
        sockets = self.settings.sockets

        def welcome(mode: Mode, head: int) -> bytes:
            self.metrics.resumes.add(mode)
            return Welcome(
                connection_id=connection.connection_id,
                user_id=connection.context.user_id,
                epoch=log.epoch,
                head=head,
                mode=mode,
                heartbeat_s=sockets.heartbeat_s,
                expires_in_s=greeting.identity.expires_in_s(self.config.wall_clock_ms()),
                limits=Limits(
                    max_message_bytes=sockets.max_message_bytes,
                    window_bytes=sockets.window_bytes,
                ),
                plan=connection.context.plan,
                server_time=self.config.wall_clock_ms(),
            ).encode()

        after = cursor.seq if cursor is not None and known else None
        await connection.delivery.start(after, welcome)

    async def authorize(self, connection: Connection, token: str) -> Mapping[str, Any]:
        """Put a fresh token in place of the connection's; return what the `ok` carries.

        Raises:
            Unauthorized: the token is not accepted; the old one stays.
            Unavailable: the keys cannot be fetched.
        """
        identity = await self.authenticator.authenticate(token)
        if identity.user_id != connection.context.user_id:
            connection.end(CloseCode.FORBIDDEN)
            raise Unauthorized("this token is another user's")
        connection.context = attrs.evolve(
            connection.context, plan=identity.plan, permissions=identity.permissions
        )
        connection.expires_at, connection.warned = identity.expires_at, False
        return {"expires_in_s": identity.expires_in_s(self.config.wall_clock_ms())}


def _refusal_of(entry: SessionEntry, hello: Hello) -> Refused | None:
    """Return why this session cannot be entered with that hello."""
    if entry.state != "running":
        return Refused(Unavailable(f"the session is {entry.state}"), CloseCode.INTERNAL)
    cursor = hello.cursor
    beyond = cursor is not None and cursor.seq > entry.log.committed
    if cursor is not None and cursor.epoch == entry.log.epoch and beyond:
        return Refused(None, CloseCode.IMPOSSIBLE_CURSOR)
    return None
