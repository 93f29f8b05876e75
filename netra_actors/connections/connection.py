"""One connection of a user: takes frames, hands commands on, says what came of them.

It belongs to one task, its reader, which calls `feed` for every frame. Nothing of a session or
a run belongs to it: when it ends, a number is forgotten.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import trio

from netra_actors.connections.answers import Answers, carrying
from netra_actors.connections.delivery import Delivery
from netra_actors.connections.sinks import FrameSink
from netra_actors.connections.typing import Typing
from netra_actors.errors import (
    ClientError,
    InvalidField,
    MessageTooLarge,
    RateLimited,
    RecordUnavailable,
    Unavailable,
)
from netra_actors.identity import ConnectionID, ThreadID, UserExecutionContext
from netra_actors.protocol import commands as c
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.controls import Pong, TypingIndicator
from netra_actors.protocol.decoding import Decoded, decode_command
from netra_actors.sessions.directory import Done, Envelope
from netra_actors.sessions.entry import SessionEntry

if TYPE_CHECKING:
    from netra_actors.connections.opening import Carrier

MAX_HELD: Final = 16
"""Control frames kept until `welcome` is written; more of them are dropped."""

Authorize = Callable[["Connection", str], Awaitable[Mapping[str, Any]]]
"""Takes a fresh token; returns the fields of `ok`, or raises `ClientError`."""


@attrs.frozen(kw_only=True)
class ConnectionConfig:
    """What every connection of a worker has in common."""

    max_message_bytes: int
    wall_clock_ms: Callable[[], int]
    authorize: Authorize
    take_command: Callable[[UserExecutionContext, ConnectionID, bool], float]
    """Counts one command, stops (True) apart; returns 0.0, or the seconds to wait."""
    on_error: Callable[[str], None]
    """Told the code of each error sent."""
    on_command: Callable[[str], None]
    """Told the type of each command."""


@final
@attrs.define(eq=False, kw_only=True)
class Connection:
    """One connection; implements `Subscriber`.

    Attributes:
        context: who it is; `context.connection_id` is its own.
        expires_at: Unix milliseconds at which its token ends.
        close_code: what it is to be closed with, once that is decided.
    """

    context: UserExecutionContext
    connection_id: ConnectionID
    entry: SessionEntry
    delivery: Delivery
    config: ConnectionConfig
    carrier: "Carrier"
    expires_at: int
    thread_id: ThreadID | None = attrs.field(default=None, init=False)
    close_code: CloseCode | None = attrs.field(default=None, init=False)
    opened_at: float = attrs.field(factory=trio.current_time, init=False)
    pinged_at: float | None = attrs.field(default=None, init=False)
    """When the last ping went out that nothing has answered yet."""
    beat_at: float = attrs.field(factory=trio.current_time, init=False)
    warned: bool = attrs.field(default=False, init=False)
    """Whether `token_expiring` was sent."""
    welcomed: bool = attrs.field(default=False, init=False)
    _held: list[bytes] = attrs.field(factory=list, init=False)
    typing: Typing = attrs.field(init=False)
    answers: Answers = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.typing = Typing(self._tell_typing)
        self.answers = Answers(
            send=self.control,
            end=self.end,
            wall_clock_ms=self.config.wall_clock_ms,
            on_error=self.config.on_error,
        )

    @property
    def device(self) -> str:
        """What the client calls itself."""
        return self.carrier.device

    @property
    def sink(self) -> FrameSink:
        """Where frames go."""
        return self.carrier.sink

    async def feed(self, frame: str | bytes) -> None:
        """Take one frame of the client. Errors are answered here; none is raised.

        Cancellation: the command may have been handed on.
        """
        try:
            decoded = decode_command(
                frame, user_id=self.context.user_id, max_bytes=self.config.max_message_bytes
            )
        except ClientError as error:
            self._refuse_unread(error)
            return
        await self.carry_out(decoded)

    async def carry_out(self, decoded: Decoded) -> None:
        """Do what one decoded command says, here or in the session."""
        self.config.on_command(decoded.command.type)
        try:
            self._check_rate(decoded.command)
            await self._dispatch(decoded)
        except ClientError as error:
            self.answers.refuse(decoded, error)

    def _refuse_unread(self, error: ClientError) -> None:
        """Answer a frame that could not be read; such frames count like commands."""
        wait_s = self.config.take_command(self.context, self.connection_id, False)
        if wait_s > 0 and not isinstance(error, MessageTooLarge):
            error = carrying(error, RateLimited("too many commands", retry_after_s=wait_s))
        self.answers.refuse_unread(error)

    def _check_rate(self, command: c.Command) -> None:
        if isinstance(command, c.Ack):
            return
        # Stops are counted by themselves: whatever else a client sends, it can stop a run.
        urgent = isinstance(command, c.StopAgent)
        wait_s = self.config.take_command(self.context, self.connection_id, urgent)
        if wait_s > 0:
            raise RateLimited("too many commands", retry_after_s=round(wait_s, 2))

    async def _dispatch(self, decoded: Decoded) -> None:
        match decoded.command:
            case c.Ack(seq=seq):
                self._ack(seq)
            case c.Ping(nonce=nonce):
                pong = Pong(nonce=nonce, head=self.entry.log.committed, sent=self.sent)
                self.answers.say(decoded, pong)
                return
            case c.Typing() as command:
                self.typing.note(command.thread_id or self.thread_id, on=command.is_typing)
            case c.Auth(token=token):
                fields = await self.config.authorize(self, token)
                self.answers.accept(decoded, Done({**fields, "at": self.entry.log.committed}))
                return
            case c.Resync(from_=seq):
                await self.resync(seq)
            case c.Hello() as command:
                await self._hear_hello(command)
            case _:
                self._hand_on(decoded)
                return
        self.answers.done(decoded, at=self.entry.log.committed)

    async def _hear_hello(self, hello: c.Hello) -> None:
        """Take a hello that came after the greeting: a `resync` from its cursor."""
        if hello.thread_id is not None:
            self.thread_id = ThreadID(hello.thread_id)
        cursor = hello.cursor
        known = cursor is not None and cursor.epoch == self.entry.log.epoch
        if cursor is not None and known and cursor.seq > self.entry.log.committed:
            self.end(CloseCode.IMPOSSIBLE_CURSOR)
            return
        await self.resync(cursor.seq if cursor is not None and known else None)

    @property
    def sent(self) -> int:
        """The seq of the last event written to this connection."""
        return self.delivery.cursor.sent

    def _ack(self, seq: int) -> None:
        if seq > self.sent:
            raise InvalidField(f"event {seq} was not sent yet", field="seq")
        self.delivery.ack(seq)

    async def resync(self, after: int | None) -> None:
        """Replay what follows *after*.

        Raises:
            InvalidField: it is beyond the head.
            Unavailable: it cannot be read now.
        """
        if after is not None and after > self.entry.log.committed:
            raise InvalidField(f"event {after} does not exist yet", field="from")
        try:
            await self.delivery.start(after)
        except RecordUnavailable as error:
            raise Unavailable(str(error), retry_after_s=1.0) from error
        except trio.BrokenResourceError:
            self._end_broken()
        except trio.TooSlowError:
            self.end(CloseCode.TOO_SLOW)

    def _hand_on(self, decoded: Decoded) -> None:
        def answer(outcome: Done | ClientError) -> None:
            if isinstance(outcome, Done):
                self.answers.accept(decoded, outcome)
            else:
                self.answers.refuse(decoded, outcome)

        self.entry.tell(
            Envelope(context=self.context, decoded=decoded, on_answer=answer, origin=self)
        )

    def _tell_typing(self, thread_id: str | None, on: bool) -> None:
        indicator = TypingIndicator(thread_id=thread_id, who=self.device, is_typing=on)
        self.entry.tell_others(self, indicator.encode())

    def control(self, frame: bytes) -> None:
        """Send something that is not in the log; see `Subscriber`."""
        if self.close_code is not None:
            return
        if not self.welcomed:
            # Nothing comes before `welcome`; what others say meanwhile waits a moment.
            if len(self._held) < MAX_HELD:
                self._held.append(frame)
            return
        try:
            self.sink.write([frame])
        except trio.BrokenResourceError:
            self._end_broken()

    def welcome(self) -> None:
        """Note that `welcome` and the replay are written; send what waited for that."""
        self.welcomed = True
        held, self._held = self._held, []
        for frame in held:
            self.control(frame)

    def _end_broken(self) -> None:
        """End it: the peer is gone, or its tail is at the bound."""
        self.end(CloseCode.TOO_SLOW if self.sink.tail_bytes else CloseCode.INTERNAL)

    def end(self, code: int) -> None:
        """Close with *code*, done by the reader; the first code counts."""
        if self.close_code is None:
            self.close_code = CloseCode(code)
            self.delivery.stop()
            self.carrier.hang_up()

    def facts(self) -> Mapping[str, Any]:
        """Return what the observer shows of it."""
        return {
            "connection_id": self.connection_id,
            "user_id": self.context.user_id,
            "device": self.device,
            "lag": self.delivery.cursor.lag if self.delivery.live else 0,
            "sent": self.sent,
            "tail_bytes": self.sink.tail_bytes,
            "age_s": round(trio.current_time() - self.opened_at, 1),
        }
