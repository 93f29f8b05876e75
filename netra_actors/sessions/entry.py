"""A session in memory: its log, its run nursery and, beside them, the restartable actor loop.

A restart of the loop keeps log and runs. Beyond its intensity the session is quarantined: its
runs close `interrupted`, its connections are told and closed, and nobody else notices.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import attrs
import structlog
import trio

from netra_actors.actors.supervisor import ChildSpec, Node, Restart, RestartBudget, supervise
from netra_actors.errors import RestartIntensityExceeded, Unavailable
from netra_actors.identity import ConnectionID, UserID
from netra_actors.log.limits import LogStatus
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.sessions.actor import SessionActor
from netra_actors.sessions.directory import Envelope, Subscriber
from netra_actors.sessions.engine import ExecutionEngine
from netra_actors.sessions.queue import RunRequest

log = structlog.get_logger(__name__)

BUDGET: Final = RestartBudget(intensity=3, period_s=5.0)


@final
@attrs.define(eq=False, kw_only=True)
class SessionEntry:
    """One user's live session.

    Attributes:
        subscribers: the user's connections, by id.
        state: running, closing, quarantined, lost or crashed.
        restarts: how often the actor loop was started again.
        quiet_since: `trio.current_time` when it was last seen in use.
    """

    user_id: UserID
    log: SessionLog
    actor: SessionActor
    engine: ExecutionEngine
    recovered: Sequence[RunRequest] = ()
    """Runs that waited when the last owner stopped."""
    subscribers: dict[ConnectionID, Subscriber] = attrs.field(factory=dict, init=False)
    state: str = attrs.field(default="running", init=False)
    restarts: int = attrs.field(default=0, init=False)
    quiet_since: float = attrs.field(factory=trio.current_time, init=False)
    started_at: float = attrs.field(factory=trio.current_time, init=False)
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    _closing: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.log.on_close = self._lose

    async def run(self) -> None:
        """Live until `close`; owned by the supervisor of sessions.

        Cancellation: runs under way are closed `interrupted`.
        """
        try:
            async with trio.open_nursery() as runs:
                self.engine.nursery = runs
                for request in self.recovered:
                    self.engine.submit(request, announce=False)
                await self._act()
                await self._closing.wait()
                self.engine.paused = True
                self.engine.interrupt("session closed")
                runs.cancel_scope.cancel(reason="session closed")
        finally:
            if not self._closing.is_set():
                # Nobody asked for this end; who is connected has to come back to a new one.
                self._end("crashed", CloseCode.INTERNAL)
            self.engine.paused = True
            self.engine.nursery = None
            self.actor.refuse_all("the session has ended")
            self.ended.set()

    @property
    def is_over(self) -> bool:
        """Whether it can serve nobody any more, and another one may take its place."""
        return self.ended.is_set() or self.state == "lost"

    async def _act(self) -> None:
        spec = ChildSpec(
            name=f"actor of {self.user_id}",
            run=self.actor.run,
            restart=Restart.TRANSIENT,
            budget=BUDGET,
        )
        try:
            await supervise(spec, on_restart=self._note_restart)
        except RestartIntensityExceeded:
            self.quarantine()

    def _note_restart(self, restarts: int) -> None:
        self.restarts = restarts

    def quarantine(self) -> None:
        """Put the session aside: an operator has to look, the others are untouched."""
        log.error("session_quarantined", user_id=self.user_id, restarts=self.restarts)
        self._end("quarantined", CloseCode.INTERNAL)

    def _lose(self, status: LogStatus) -> None:
        if status is LogStatus.LOST:
            self._end("lost", CloseCode.DRAINING)
        else:
            self.quarantine()

    def _end(self, state: str, code: CloseCode) -> None:
        self.state = state
        self.engine.paused = True
        self.engine.interrupt(state)
        self.actor.refuse_all(f"the session is {state}")
        for subscriber in tuple(self.subscribers.values()):
            subscriber.end(code)

    def expel(self) -> None:
        """End the user's connections for good: the user is being erased."""
        for subscriber in tuple(self.subscribers.values()):
            subscriber.end(CloseCode.FORBIDDEN)

    def close(self) -> None:
        """Begin to end: no command is taken any more, runs under way are interrupted."""
        if self.state == "running":
            self.state = "closing"
        self.actor.mailbox.close()
        self._closing.set()

    def tell(self, envelope: Envelope) -> None:
        """Hand a command to the actor; a refusal is its answer."""
        self.quiet_since = trio.current_time()
        if self.state not in {"running", "closing"}:
            envelope.answer(Unavailable(f"the session is {self.state}", retry_after_s=5.0))
        else:
            self.actor.tell(envelope)

    def attach(self, subscriber: Subscriber) -> None:
        """Add a connection; it keeps the session in memory."""
        self.subscribers[subscriber.connection_id] = subscriber

    def detach(self, subscriber: Subscriber) -> None:
        """Remove a connection; a second call does nothing."""
        self.quiet_since = trio.current_time()
        self.subscribers.pop(subscriber.connection_id, None)

    def tell_others(self, sender: Subscriber, frame: bytes) -> None:
        """Send a control frame to the user's other connections."""
        for subscriber in tuple(self.subscribers.values()):
            if subscriber is not sender:
                subscriber.control(frame)

    def is_idle(self, *, after_s: float) -> bool:
        """Whether it can leave memory: nobody is here, nothing runs, waits or is unsaved."""
        if self.is_over:
            # What it said last has to be stored first: the next one begins where the record ends.
            saved = self.log.status is not LogStatus.OPEN or self.log.settled
            return saved and not self.subscribers
        return (
            self.state == "running"
            and not self.subscribers
            and self.engine.idle
            and not self.actor.busy
            and self.log.settled
            and trio.current_time() - self.quiet_since >= after_s
        )

    def describe(self) -> Sequence[Node]:
        """Return the actor and the runs, for a picture of the tree."""
        actor = Node(
            name="actor",
            state=self.state,
            restarts=self.restarts,
            since_s=trio.current_time() - self.started_at,
            detail={"mailbox": len(self.actor.mailbox), "handled": self.actor.handled},
        )
        runs = [
            Node(
                name=run_id,
                kind="run",
                state="cancelling" if bridge.run.cancelled_by else "running",
                since_s=trio.current_time() - bridge.started_at,
                detail={"agent": bridge.agent.name},
            )
            for run_id, bridge in self.engine.active.items()
        ]
        return [actor, *runs]

    def facts(self) -> Mapping[str, Any]:
        """Return what the observer shows of it; no texts."""
        return {
            "user_id": self.user_id,
            "state": self.state,
            "head": self.log.head,
            "committed": self.log.committed,
            "mailbox": len(self.actor.mailbox),
            "runs": len(self.engine.active),
            "queued": len(self.engine.queue),
            "connections": len(self.subscribers),
            "restarts": self.restarts,
        }
