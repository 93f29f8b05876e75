"""The edge of `/ws`: from an upgrade to a connection of a known user, and back to nothing.

Whoever fails a check here never reaches a session. What a browser can see of a refusal decides
how it is told: before the upgrade as HTTP, after it as an `error` and a close code.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, final

import attrs
import structlog
import trio

from netra_actors.connections.connection import Connection
from netra_actors.connections.opening import Carrier, Opening
from netra_actors.connections.pool import SPREAD_S, WebSocketConnectionPool, drain_notice
from netra_actors.errors import (
    ClientError,
    QuotaExceeded,
    RecordUnavailable,
    Unauthorized,
    Unavailable,
)
from netra_actors.identity import ThreadID, UnifiedIdGenerator, UserExecutionContext
from netra_actors.protocol.answers import encode_error
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Hello
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
from netra_actors.web.greeting import NETRA_V1, Greeting, Refused, read_greeting
from netra_actors.web.metrics import Metrics
from netra_actors.web.pending import PendingSockets
from netra_actors.web.socket import FrameTooLarge, Socket, SocketClosed
from netra_actors.web.tickets import Tickets
from netra_actors.web.upgrade import Upgrade, read_upgrade

logger = structlog.get_logger(__name__)


@final
@attrs.define(eq=False, kw_only=True)
class Edge:
    """Serves every WebSocket of a worker; `serve` is the application's socket handler."""

    settings: Settings
    authenticator: Authenticator
    tickets: Tickets
    directory: Directory
    pool: WebSocketConnectionPool
    opening: Opening
    ids: UnifiedIdGenerator
    metrics: Metrics
    _pending: PendingSockets = attrs.field(factory=PendingSockets, init=False)
    _greetings: set[trio.CancelScope] = attrs.field(factory=set, init=False)
    """Of the sockets that are being greeted."""

    async def serve(self, socket: Socket) -> None:
        """Serve one socket to its end. Cancellation: its owner closes it; the session goes on."""
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
        body = encode_error(error, None, None, self.ids.clock())
        await socket.reject(status, body, [(b"content-type", b"application/json")])

    def _count(self, error: ClientError) -> None:
        self.metrics.errors.add(error.code)
        if isinstance(error, BadCredential):
            self.metrics.auth_failures.add(error.reason)

    async def _greet(self, socket: Socket, upgrade: Upgrade, identity: Identity | None) -> None:
        shown = not isinstance(upgrade.credential, NoCredential)
        limit = self.settings.sockets.pending_sockets_per_address
        with self._pending.hold(upgrade.address, limit=limit, exempt=shown) as admitted:
            if not admitted:
                error = QuotaExceeded("too many sockets of this address have shown no token yet")
                await self._reject(socket, 429, error)
                return
            await socket.accept(upgrade.subprotocol)
            scope = trio.CancelScope()
            self._greetings.add(scope)
            if self.pool.draining:
                scope.cancel(reason="the worker leaves")
            greeting = None
            try:
                with scope:
                    greeting = await self._hear(socket, upgrade, identity)
            finally:
                self._greetings.discard(scope)
        if scope.cancelled_caught:
            await self._send_away(socket)
        elif greeting is not None:
            await self._enter(socket, upgrade, greeting)

    async def _hear(
        self, socket: Socket, upgrade: Upgrade, identity: Identity | None
    ) -> Greeting | None:
        """Return who speaks and from where; None once the socket had to be closed."""
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
        except BadCredential as error:
            await self._close(socket, error, CloseCode.UNAUTHORIZED)
        except QuotaExceeded as error:
            await self._close(socket, error, CloseCode.TOO_MANY_CONNECTIONS)
        except ClientError as error:
            await self._close(socket, error, CloseCode.INTERNAL)
        else:
            return greeting
        return None

    def drain(self) -> None:
        """Send everybody away, those too of whom it is not known yet who they are."""
        self.pool.drain()
        for scope in self._greetings:
            scope.cancel(reason="the worker leaves")

    async def _identify(self, upgrade: Upgrade) -> Identity | None:
        match upgrade.credential:
            case SubprotocolToken(token):
                return await self.authenticator.authenticate(token)
            case Ticket(ticket):
                return self.tickets.redeem(ticket)
            case _:
                return None

    def _answer(self, socket: Socket, error: ClientError, re: str | None) -> None:
        frame = encode_error(error, getattr(error, "message_id", None), re, self.ids.clock())
        try:
            socket.sink.write([frame])
        except trio.BrokenResourceError:
            logger.debug("peer_left_before_answer", code=error.code)

    async def _close(self, socket: Socket, error: ClientError | None, code: CloseCode) -> None:
        if error is not None:
            self._count(error)
            self._answer(socket, error, error.re)
        self.pool.note_close(code)
        await socket.close(code, code.reason)

    async def _enter(self, socket: Socket, upgrade: Upgrade, greeting: Greeting) -> None:
        connection_id = self.ids.generate_websocket_connection_id()
        context = greeting.identity.context(
            request_id=self.ids.generate_request_id(), connection_id=connection_id
        )
        entry = await self._admit(socket, context, greeting)
        if entry is None:
            return
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            batched = upgrade.subprotocol == NETRA_V1
            carrier = Carrier(
                sink=socket.sink,
                spawn=nursery.start_soon,
                hang_up=scope.cancel,
                batched=batched,
                beats=batched,
                device=greeting.hello.device or "unknown",
                address=upgrade.address,
            )
            connection = self.opening.connection(
                context, connection_id, entry, carrier, expires_at=greeting.identity.expires_at
            )
            if greeting.hello.thread_id is not None:
                connection.thread_id = ThreadID(greeting.hello.thread_id)
            with self.opening.attached(connection):
                await self._live(socket, connection, greeting, scope)
            nursery.cancel_scope.cancel(reason="the connection has ended")

    async def _admit(
        self, socket: Socket, context: UserExecutionContext, greeting: Greeting
    ) -> SessionEntry | None:
        """Return the user's session, with room for one more; None: the socket was closed."""
        try:
            entry = await self.directory.entry(context)
            refused = _refusal_of(entry, greeting.hello)
            if refused is not None:
                raise refused
            if self.pool.draining:
                await self._send_away(socket)
                return None
            # Asked before too; the wait for the session may have let others in.
            self.pool.make_room(context)
        except Refused as refusal:
            await self._close(socket, refusal.error, refusal.code)
        except QuotaExceeded as error:
            await self._close(socket, error, CloseCode.TOO_MANY_CONNECTIONS)
        except ClientError as error:
            await self._close(socket, error, CloseCode.INTERNAL)
        else:
            return entry
        return None

    async def _send_away(self, socket: Socket) -> None:
        """Tell a client that came in while the worker leaves when to come back."""
        try:
            socket.sink.write([drain_notice(SPREAD_S)])
        except trio.BrokenResourceError:
            logger.debug("peer_left_before_answer", code="draining")
        await self._close(socket, None, CloseCode.DRAINING)

    async def _live(
        self, socket: Socket, connection: Connection, greeting: Greeting, scope: trio.CancelScope
    ) -> None:
        """Read until either side has enough, then close with the code that says why."""
        code: CloseCode | None = None
        with scope:
            try:
                await self._read(socket, connection, greeting)
            except SocketClosed as closed:
                self.pool.note_close(closed.code)
                return
            except FrameTooLarge:
                code = CloseCode.TOO_LARGE
            except RecordUnavailable as error:
                self._answer(socket, Unavailable(str(error)), None)
                code = CloseCode.INTERNAL
            except trio.BrokenResourceError:
                code = CloseCode.INTERNAL
            except trio.TooSlowError:
                code = CloseCode.TOO_SLOW
        code = code or connection.close_code or CloseCode.NORMAL
        self.pool.note_close(code)
        await socket.close(code, code.reason)

    async def _read(self, socket: Socket, connection: Connection, greeting: Greeting) -> None:
        expires_in_s = greeting.identity.expires_in_s(self.ids.clock())
        await self.opening.start(connection, greeting.hello.cursor, expires_in_s=expires_in_s)
        if greeting.request is not None and greeting.request.is_rpc:
            connection.answers.done(greeting.request, at=connection.entry.log.committed)
        if greeting.first_frame is not None:
            await connection.feed(greeting.first_frame)
        while True:
            await connection.feed(await socket.receive())

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
        return {"expires_in_s": identity.expires_in_s(self.ids.clock())}


def _refusal_of(entry: SessionEntry, hello: Hello) -> Refused | None:
    """Return why this session cannot be entered with that hello."""
    if entry.state != "running":
        return Refused(Unavailable(f"the session is {entry.state}"), CloseCode.INTERNAL)
    cursor = hello.cursor
    beyond = cursor is not None and cursor.seq > entry.log.committed
    if cursor is not None and cursor.epoch == entry.log.epoch and beyond:
        return Refused(None, CloseCode.IMPOSSIBLE_CURSOR)
    return None
