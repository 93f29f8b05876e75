"""The events that answer one question, sub-runs included, whatever happens to the connection."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self, final

import attrs

from netra_actors.client.actions import Applied, SnapshotTaken, Update
from netra_actors.client.errors import EventsLost
from netra_actors.client.subscription import Subscription
from netra_actors.errors import NotFound
from netra_actors.protocol.commands import SendMessage
from netra_actors.protocol.events import AgentCompleted, Event


@final
@attrs.define(eq=False)
class RunFilter:
    """Knows which events belong to a message's run, and when it is over.

    A run that was interrupted and taken up again (`continued_by`) goes on in its successor.
    """

    message_id: str
    run_id: str | None = None
    terminal: AgentCompleted | None = attrs.field(default=None, init=False)
    _runs: set[str] = attrs.field(factory=set, init=False)

    def accepts(self, event: Event) -> bool:
        """Return whether *event* belongs to it; to be called with every event, in order."""
        if event.message_id != self.message_id and not self._runs & {
            event.run_id, event.parent_run_id,
        }:  # fmt: skip
            return False
        if event.run_id is not None:
            self._runs.add(event.run_id)
            if self.run_id is None and event.parent_run_id is None:
                self.run_id = event.run_id
        if isinstance(event.payload, AgentCompleted) and event.run_id == self.run_id:
            if event.payload.continued_by is not None:
                self.run_id = event.payload.continued_by
            else:
                self.terminal = event.payload
        return True


@final
@attrs.define(eq=False)
class Answer:
    """An iterator over the events of the run that one message starts; ends after its terminal.

    Nothing is sent before the first `__anext__`. Leaving the iteration does not stop the run:
    that is `Session.stop`. Raises what `Session.send` raises, and `EventsLost` when the service
    no longer keeps what fell into a gap.
    """

    _command: SendMessage
    _deliver: Callable[[SendMessage], Awaitable[dict[str, Any]]]
    _subscribe: Callable[[], Subscription[Update]]
    _replay: Callable[[str, int], Awaitable[list[Event]]]
    """A run's events after a seq, by HTTP."""
    _is_open: Callable[[str], bool]
    message_id: str
    thread_id: str | None = attrs.field(default=None, init=False)
    _filter: RunFilter = attrs.field(init=False)
    _subscription: Subscription[Update] | None = attrs.field(default=None, init=False)
    _replayed: deque[Event] = attrs.field(factory=deque, init=False)
    _seen: int = attrs.field(default=0, init=False)

    @_filter.default
    def _new_filter(self) -> RunFilter:
        return RunFilter(self.message_id)

    @property
    def run_id(self) -> str | None:
        """The run under way; None until the service has accepted the message."""
        return self._filter.run_id

    @property
    def terminal(self) -> AgentCompleted | None:
        """The run's terminal; None until it came."""
        return self._filter.terminal

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        subscription = self._subscription
        if subscription is None:
            subscription = await self._start()
        while self.terminal is None:
            event = await self._next(subscription)
            if event is not None and event.seq > self._seen and self._filter.accepts(event):
                self._seen = event.seq
                return event
        subscription.end()
        raise StopAsyncIteration

    async def _start(self) -> Subscription[Update]:
        subscription = self._subscription = self._subscribe()
        reply = await self._deliver(self._command)
        self.thread_id, self._filter.run_id = reply.get("thread_id"), reply.get("run_id")
        if reply.get("duplicate"):
            # Asked before, perhaps by another process: its events may lie before this iterator.
            await self._fill_gap()
        return subscription

    async def _next(self, subscription: Subscription[Update]) -> Event | None:
        if self._replayed:
            return self._replayed.popleft()
        update = await subscription.get()
        if isinstance(update, Applied):
            return update.event
        if isinstance(update, SnapshotTaken):
            await self._fill_gap()
        return None

    async def _fill_gap(self) -> None:
        run_id = self.run_id
        if run_id is None:
            return
        try:
            events = await self._replay(run_id, self._seen)
        except NotFound:
            events = []
        self._replayed.extend(events)
        if not events and not self._is_open(run_id):
            raise EventsLost(f"the events of {run_id} after {self._seen} are no longer kept")
