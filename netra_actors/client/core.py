"""The client without any I/O: frames and instants in, actions and frames out.

Everything that decides whether an event is applied is here, and nothing else is: the shell above
only carries. One `Core` outlives all connections of a session; `opened` starts each of them.
Instants are seconds of any monotonic clock.
"""

import math
from typing import Final, assert_never, final

import attrs
import msgspec

from netra_actors.client.acks import AckClock
from netra_actors.client.actions import (
    Action,
    Answered,
    Applied,
    Complaint,
    Connected,
    Drop,
    Failed,
    Live,
    RenewToken,
    SnapshotTaken,
    Typing,
)
from netra_actors.client.encoding import encode_command
from netra_actors.client.errors import FoldFailed, error_from_wire
from netra_actors.errors import ClientError
from netra_actors.protocol.applying import Verdict, judge
from netra_actors.protocol.commands import Ack, Cursor, Hello, Resync
from netra_actors.protocol.controls import Welcome
from netra_actors.protocol.inbound import Control, Received, decode_server
from netra_actors.protocol.state import State

GRACE_S: Final = 8.0
"""Beyond the heartbeat's interval, and for the answer to a resync."""


@final
@attrs.define(eq=False)
class Core:
    """Folds the stream of one session and keeps the duties of a client."""

    state: State = attrs.field(factory=State)
    cursor: Cursor | None = None
    """The place in the log up to which `state` is complete."""
    welcome: Welcome | None = attrs.field(default=None, init=False)
    """Of this connection."""
    drain_delay_s: float | None = attrs.field(default=None, init=False)
    last_error: ClientError | None = attrs.field(default=None, init=False)
    _heard_at: float = attrs.field(default=-math.inf, init=False)
    _healing_until: float = attrs.field(default=math.inf, init=False)
    _resynced: bool = attrs.field(default=False, init=False)
    _acks: AckClock = attrs.field(factory=AckClock, init=False)
    _control: list[str] = attrs.field(factory=list, init=False)

    # --- the connection's life

    def opened(self, *, now: float, device: str | None, thread_id: str | None) -> str:
        """Start a connection; returns the hello to send."""
        self.welcome = self.drain_delay_s = self.last_error = None
        self._heard_at, self._healing_until, self._resynced = now, math.inf, False
        self._acks.clear()
        self._control.clear()
        return encode_command(Hello(cursor=self.cursor, device=device, thread_id=thread_id))

    def forget(self) -> None:
        """Drop state and cursor: the service said that they are impossible."""
        self.state, self.cursor = State(), None

    @property
    def applied(self) -> int:
        """The last seq in the state; 0 when nothing is."""
        return 0 if self.cursor is None else self.cursor.seq

    @property
    def give_up_at(self) -> float:
        """The instant at which the connection has to be given up if no frame comes."""
        heartbeat_s = 25.0 if self.welcome is None else self.welcome.heartbeat_s
        return min(self._heard_at + heartbeat_s + GRACE_S, self._healing_until)

    @property
    def send_at(self) -> float:
        """The instant from which on `outgoing` has something."""
        return -math.inf if self._control else self._acks.due_at

    def outgoing(self, *, now: float) -> list[str]:
        """Take the frames that are due: a resync, an ack."""
        frames, self._control = self._control, []
        if self._acks.due_at <= now:
            self._acks.clear()
            frames.append(encode_command(Ack(seq=self.applied)))
        return frames

    # --- frames in

    def receive(self, frame: str | bytes, *, now: float) -> list[Action]:
        """Take a frame; returns what to do, in order."""
        self._heard_at = now
        try:
            received = decode_server(frame)
        except msgspec.ValidationError as error:
            return [_failed("a frame", error)]  # it would come again on every connection
        except msgspec.DecodeError as error:
            return [Drop(f"the service sent a frame that is not of this protocol: {error}")]
        actions: list[Action] = []
        for item in received:
            if isinstance(item, Received):
                actions += self._event(item, now)
            else:
                actions += self._control_object(item, now)
            if actions and isinstance(actions[-1], Drop | Failed):
                return actions
        in_log = sum(isinstance(item, Received) or "state" in item for item in received)
        if in_log:
            self._acks.received(len(frame), in_log, now=now)
        return actions

    def _event(self, received: Received, now: float) -> list[Action]:
        if self.cursor is None:
            return [Drop("the service sent an event before it said of which log")]
        match judge(self.applied, received.seq_from, received.event.seq):
            case Verdict.DROP:
                return []
            case Verdict.HOLE:
                return self._hole(now)
            case Verdict.APPLY:
                return [self._apply(received, self.cursor.epoch)]
            case never:
                assert_never(never)

    def _apply(self, received: Received, epoch: str) -> Applied | Failed:
        event = received.event
        try:
            self.state.apply(event)
        except Exception as error:  # noqa: BLE001 - a fold that throws, however, must say so and stop
            return _failed(f"event {event.seq} ({event.type})", error)
        self.cursor = Cursor(epoch, event.seq)
        self._healing_until = math.inf
        return Applied(event, received.seq_from)

    def _hole(self, now: float) -> list[Action]:
        if self._healing_until < math.inf:
            return []  # sent before the service read our resync; it will come again
        if self._resynced:
            return [Drop("events are missing for the second time on this connection")]
        self._resynced = True
        self._healing_until = now + GRACE_S
        self._control.append(encode_command(Resync(from_=self.applied)))
        return []

    def _check_position(self, sent: object, now: float) -> list[Action]:
        if not isinstance(sent, int) or sent == self.applied:
            if sent == self.applied:
                self._healing_until = math.inf
            return []
        return self._hole(now)

    # --- what is not in the log

    def _control_object(self, body: Control, now: float) -> list[Action]:
        match body.get("type"):
            case "heartbeat":
                return self._check_position(body.get("sent"), now)
            case "replay_end":
                return [*self._check_position(body.get("seq"), now), Live(self.applied)]
            case "welcome":
                return self._welcome(body)
            case _:
                action = self._plain_object(body)
                return [] if action is None else [action]

    def _plain_object(self, body: Control) -> Action | None:
        action: Action | None = None  # of a later release: ignored
        match body.get("type"):
            case "snapshot":
                action = self._snapshot(body)
            case "ok" if isinstance(message_id := body.get("message_id"), str):
                action = Answered(message_id, body)
            case "error":
                action = self._error(body)
            case None if "jsonrpc" in body:
                action = _rpc_answer(body)
            case "draining":
                self.drain_delay_s = float(body.get("reconnect_after_ms", 0)) / 1000
            case "token_expiring":
                action = RenewToken(float(body.get("in_s", 0)))
            case "typing_indicator":
                thread_id, who = str(body.get("thread_id")), str(body.get("who"))
                action = Typing(thread_id, who, bool(body.get("is_typing")))
        return action

    def _error(self, body: Control) -> Answered | Complaint:
        error = self.last_error = error_from_wire(body)
        message_id = body.get("message_id")
        return Answered(message_id, error) if isinstance(message_id, str) else Complaint(error)

    def _welcome(self, body: Control) -> list[Action]:
        try:
            welcome = msgspec.convert(body, Welcome)
        except msgspec.ValidationError as error:
            return [Drop(f"the service's welcome is not of this protocol: {error}")]
        self.welcome = welcome
        actions: list[Action] = [Connected(welcome)]
        if welcome.mode == "fresh":
            actions += self._start_anew(welcome.epoch)
        elif welcome.mode == "resumed" and (
            self.cursor is None or self.cursor.epoch != welcome.epoch
        ):
            self.forget()
            actions.append(Drop("the service resumes a log that this client does not know"))
        return actions

    def _start_anew(self, epoch: str) -> list[Action]:
        before = self.applied
        self.state, self.cursor = State(), Cursor(epoch, 0)
        return [SnapshotTaken(at=0, after=before)] if before else []

    def _snapshot(self, body: Control) -> SnapshotTaken | Drop | Failed:
        if self.welcome is None:
            return Drop("the service sent a snapshot before its welcome")
        before = self.applied
        try:
            at = int(body["at"])
            state = State.from_snapshot(body["state"], at)
        except Exception as error:  # noqa: BLE001 - as for an event: it must say so and stop
            return _failed("a snapshot", error)
        self.state, self.cursor = state, Cursor(self.welcome.epoch, at)
        self._healing_until = math.inf
        return SnapshotTaken(at=at, after=before)


def _failed(what: str, error: Exception) -> Failed:
    failed = FoldFailed(f"cannot apply {what}: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return Failed(failed)


def _rpc_answer(body: Control) -> Answered:
    command_id = str(body.get("id"))
    if "error" not in body:
        return Answered(command_id, body["result"])
    refused = body["error"].get("data") or {"message": body["error"].get("message")}
    return Answered(command_id, error_from_wire(refused))
