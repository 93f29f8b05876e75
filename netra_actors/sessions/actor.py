"""The session actor: takes commands from its mailbox, one at a time, and answers each once.

It holds no log and no run: a crash of its loop costs the command that caused it, and the
supervisor starts the loop again beside everything else.
"""

from typing import Final, final

import attrs
import structlog
import trio

from netra_actors.actors.mailbox import Mailbox
from netra_actors.errors import (
    ActorStopped,
    Busy,
    ClientError,
    Conflict,
    LogFull,
    RecordUnavailable,
    Unavailable,
)
from netra_actors.identity import MessageID
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogStatus
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.commands import OVERTAKING, StopAgent
from netra_actors.protocol.decoding import Decoded
from netra_actors.sessions.directory import Done, Envelope
from netra_actors.sessions.idempotency import FirstAnswer, FirstAnswers
from netra_actors.sessions.router import Effect, MessageRouter
from netra_actors.sessions.stops import STOP_LOOKUP_S

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S: Final = 5.0
"""A command whose commit takes longer is answered `unavailable`; its `message_id` tells later."""


@final
@attrs.define(eq=False, kw_only=True)
class SessionActor:
    """Decides for one session.

    Attributes:
        mailbox: its inbox; stop, auth and ping overtake.
        router: who carries commands out.
        handled: commands taken from the mailbox.
    """

    session_log: SessionLog
    committer: Committer
    answers: FirstAnswers
    mailbox: Mailbox[Envelope]
    router: MessageRouter = attrs.field(init=False)
    handled: int = attrs.field(default=0, init=False)
    _handling: bool = attrs.field(default=False, init=False)
    _arrivals: int = attrs.field(default=0, init=False)
    _waiting: dict[Envelope, float] = attrs.field(factory=dict, init=False)
    """Answers that wait for their commit, and since when; the mailbox bounds them."""
    _unfinished: dict[str | None, Envelope] = attrs.field(factory=dict, init=False)
    """Commands that will be finished later, by `message_id`."""

    @property
    def busy(self) -> bool:
        """Whether a command waits or is being carried out."""
        return self._handling or len(self.mailbox) > 0

    def tell(self, envelope: Envelope) -> None:
        """Put a command into the mailbox; refusals are answered, not raised."""
        self._arrivals += 1
        envelope.arrival = self._arrivals
        try:
            self.mailbox.put_nowait(envelope, urgent=type(envelope.decoded.command) in OVERTAKING)
        except ActorStopped:
            envelope.answer(Unavailable("the session is being put away", retry_after_s=1.0))
        except ClientError as full:
            envelope.answer(full)

    async def run(self) -> None:
        """Handle commands until the mailbox is closed and empty.

        Cancellation: the command under way is answered `unavailable`.
        """
        while True:
            try:
                envelope = await self.mailbox.get()
            except ActorStopped:
                return
            self.handled += 1
            self._handling = True
            try:
                await self._handle(envelope)
            finally:
                self._handling = False

    async def _handle(self, envelope: Envelope) -> None:
        crashed = True
        try:
            effect = await self._carry_out(envelope)
            crashed = False
            if effect is not None:
                self.finish(envelope, effect)
            elif not envelope.answered and envelope not in self._waiting:
                self._unfinished[envelope.decoded.message_id] = envelope
        except ClientError as refusal:
            crashed = False
            envelope.answer(refusal)
        except (RecordUnavailable, LogFull) as error:
            crashed = False
            envelope.answer(Unavailable(str(error), retry_after_s=1.0))
        finally:
            if crashed and not envelope.answered:
                self.router.errors += 1
                envelope.answer(Unavailable("the command could not be carried out"))

    async def _carry_out(self, envelope: Envelope) -> Effect | None:
        """Do the command, or give its first answer again (None)."""
        decoded = envelope.decoded
        if isinstance(decoded.command, StopAgent):
            return await self._carry_out_stop(envelope)
        self._refuse_unfinished(decoded)
        first = await self._first_answer(decoded)
        if first is not None:
            self._answer_later(envelope, Done(first.fields, duplicate=True), first.at)
            return None
        if not self.committer.available:
            raise Unavailable("the record cannot be reached just now", retry_after_s=1.0)
        return await self.router.route(envelope)

    async def _carry_out_stop(self, envelope: Envelope) -> Effect | None:
        """Do a stop, whether or not the record can say what was answered to its id before."""
        first, is_known = None, False
        try:
            with trio.move_on_after(STOP_LOOKUP_S):
                first = await self._first_answer(envelope.decoded)
                is_known = envelope.decoded.message_id not in self._unfinished
        except RecordUnavailable:
            log.warning("stop_without_lookup", user_id=self.session_log.user_id)
        if first is not None:
            self._answer_later(envelope, Done(first.fields, duplicate=True), first.at)
            return None
        effect = await self.router.route(envelope)
        if effect is None or is_known:
            return effect
        # Under an id that may be taken nothing is stored; stopping twice does no harm.
        return attrs.evolve(effect, keep=False)

    async def _first_answer(self, decoded: Decoded) -> FirstAnswer | None:
        if decoded.message_id is None:
            return None
        message_id, command = MessageID(decoded.message_id), decoded.command
        if not isinstance(command, StopAgent) or command.run_id is not None:
            return await self.answers.find(message_id, decoded.digest)
        if command.thread_id is None and not command.all:
            return None  # It names the message to stop.
        try:
            return await self.answers.find(message_id, decoded.digest)
        except Conflict:
            return None  # It names a message beside the thread; the service stops that one.

    def _refuse_unfinished(self, decoded: Decoded) -> None:
        """Refuse a command whose `message_id` has one under way that is finished later."""
        first = self._unfinished.get(decoded.message_id)
        if decoded.message_id is None or first is None or first.answered:
            self._unfinished.pop(decoded.message_id, None)
        elif first.decoded.digest != decoded.digest:
            raise Conflict(
                f"message_id {decoded.message_id} was used for another command",
                recovery="Use a new message_id for a new command.",
                field="message_id",
            )
        else:
            raise Busy("this very command is still being carried out", retry_after_s=1.0)

    def finish(self, envelope: Envelope, effect: Effect) -> None:
        """Answer `ok` once the effect is durable, and keep that answer for repetitions."""
        if self._unfinished.get(envelope.decoded.message_id) is envelope:
            del self._unfinished[envelope.decoded.message_id]
        if self.session_log.status is not LogStatus.OPEN:
            envelope.answer(Unavailable("the session has moved", retry_after_s=1.0))
            return
        fields = {**effect.fields, "at": effect.at}
        message_id = envelope.decoded.message_id or effect.fields.get("message_id")
        if message_id is not None and effect.keep:
            self.answers.keep(MessageID(message_id), envelope.decoded.digest, fields, effect.at)
        self._answer_later(envelope, Done(fields), effect.at)

    def _answer_later(self, envelope: Envelope, answer: Done, at: int) -> None:
        self._waiting[envelope] = trio.current_time()

        def say(durable: bool) -> None:
            self._waiting.pop(envelope, None)
            if not envelope.answered:
                lost = Unavailable("the session has moved to another worker", retry_after_s=1.0)
                envelope.answer(answer if durable else lost)

        self.session_log.when_committed(at, say)

    def give_up_waiting(self) -> None:
        """Answer `unavailable` where the commit takes too long; called every second or so."""
        oldest = trio.current_time() - ANSWER_WITHIN_S
        for envelope, since in tuple(self._waiting.items()):
            if since > oldest:
                return
            del self._waiting[envelope]
            envelope.answer(Unavailable("the record does not answer", retry_after_s=1.0))

    def refuse_all(self, why: str) -> None:
        """Close the mailbox and refuse what is in it."""
        self.mailbox.close()
        for envelope in self.mailbox.drain_remaining():
            envelope.answer(Unavailable(why, retry_after_s=1.0))
