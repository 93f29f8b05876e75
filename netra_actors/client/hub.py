"""What the loop that keeps the connection and the session's public face have in common.

Everything here is synchronous: actions of the core are carried out in the step in which they
arrive, so no task can see half of one.
"""

import weakref
from typing import Final, final

import attrs
import trio

from netra_actors.client.actions import (
    Action,
    Answered,
    Complaint,
    Connected,
    Drop,
    Failed,
    RenewToken,
    Update,
)
from netra_actors.client.core import Core
from netra_actors.client.errors import SessionEnded
from netra_actors.client.pending import PendingCommand, PendingCommands
from netra_actors.client.subscription import Subscription
from netra_actors.protocol.controls import Welcome

MAX_UNTRACKED: Final = 64
"""Frames without an answer (typing, auth) that wait for the writer; older ones are dropped."""


@final
@attrs.define(eq=False)
class Hub:
    """Core, commands under way and iterators of one session."""

    core: Core
    pending: PendingCommands = attrs.field(factory=PendingCommands, init=False)
    connected: bool = attrs.field(default=False, init=False)
    welcome: Welcome | None = attrs.field(default=None, init=False)
    """The last one, kept while there is no connection."""
    connected_at: float = attrs.field(default=0.0, init=False)
    """When the connection under way, or the last one, was welcomed."""
    ended: SessionEnded | Exception | None = attrs.field(default=None, init=False)
    """Why the session is over; None while it lives."""
    changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    """Woken when `connected` or `ended` changes."""
    _untracked: list[str] = attrs.field(factory=list, init=False)
    _to_send: trio.Event = attrs.field(factory=trio.Event, init=False)
    # Weak: an iterator that its user has dropped must not collect events for ever.
    _subscriptions: "weakref.WeakSet[Subscription[Update]]" = attrs.field(
        factory=weakref.WeakSet, init=False
    )

    # --- for readers

    def subscribe(self, made: Subscription[Update] | None = None) -> Subscription[Update]:
        """Return an iterator over what happens from now on: *made*, or a new one."""
        subscription: Subscription[Update] = Subscription() if made is None else made
        if self.ended is not None:
            subscription.end(self.ended)
        self._subscriptions.add(subscription)
        return subscription

    def publish(self, update: Update) -> None:
        """Give *update* to every iterator."""
        for subscription in list(self._subscriptions):
            subscription.put(update)

    # --- for those who send

    def submit(self, command_id: str, frame: str) -> PendingCommand:
        """Send *frame* now or as soon as there is a connection, and again until answered.

        Raises:
            SessionEnded: there will be no connection any more.
            Busy: too many commands are under way.
        """
        if self.ended is not None:
            raise self.ended
        pending = self.pending.add(command_id, frame)
        self._to_send.set()
        return pending

    def send_once(self, frame: str) -> None:
        """Send *frame* on this connection if there is one; nobody answers it."""
        if self.connected:
            self._untracked = [*self._untracked[1 - MAX_UNTRACKED :], frame]
            self._to_send.set()

    def take_outgoing(self, *, now: float) -> list[str]:
        """Return the frames that are due, most urgent first."""
        self._to_send = trio.Event()
        untracked, self._untracked = self._untracked, []
        unsent = self.pending.take_unsent() if self.connected else []
        return [*self.core.outgoing(now=now), *untracked, *unsent]

    async def wait_outgoing(self) -> None:
        """Wait until `take_outgoing` has something, or has to be asked again later."""
        with trio.move_on_at(self.core.send_at):
            await self._to_send.wait()

    # --- for the loop

    def opened(self, *, now: float, device: str | None, thread_id: str | None) -> str:
        """Begin a connection; returns the hello."""
        self.pending.reconnected()
        self._untracked.clear()
        return self.core.opened(now=now, device=device, thread_id=thread_id)

    def closed(self) -> None:
        """The connection is gone."""
        self.connected = False

    def receive(self, frame: str | bytes, *, now: float) -> RenewToken | Drop | Failed | None:
        """Take a frame; returns what only the loop can do about it."""
        due_before = self.core.send_at
        for_loop = None
        for action in self.core.receive(frame, now=now):
            if isinstance(action, Connected):
                self.connected_at = now
            for_loop = self._perform(action) or for_loop
        if self.core.send_at != due_before:
            self._to_send.set()
        return for_loop

    def _perform(self, action: Action) -> RenewToken | Drop | Failed | None:
        match action:
            case Answered(command_id, answer):
                if not self.pending.settle(command_id, answer) and isinstance(answer, Exception):
                    self.publish(Complaint(answer))
            case RenewToken() | Drop() | Failed():
                return action
            case Connected(welcome):
                self.connected, self.welcome = True, welcome
                self.changed.unpark_all()
                self._to_send.set()
                self.publish(action)
            case _:
                self.publish(action)
        return None

    def end(self, error: Exception | None) -> None:
        """End the session: for good by itself (*error*), or because its block was left."""
        if self.ended is not None:
            return
        self.connected = False
        self.ended = error or SessionEnded("the session was closed")
        self.pending.fail_all(self.ended)
        for subscription in list(self._subscriptions):
            subscription.end(error)
        self.changed.unpark_all()

    async def wait_connected(self) -> None:
        """Wait for the service's welcome.

        Raises:
            SessionEnded, ClientError: there will be none.
        """
        while not self.connected:
            if self.ended is not None:
                raise self.ended
            await self.changed.park()
