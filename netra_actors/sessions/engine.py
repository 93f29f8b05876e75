"""The engine: one session's runs, waiting and under way.

One run for each thread at a time, and as many at once as the plan allows; the rest waits in the
queue. Runs are tasks of the session's run nursery, never of a connection's.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import final

import attrs
import structlog
import trio

from netra_actors.agents.notifier import WebSocketNotifier
from netra_actors.agents.registry import AgentRegistry
from netra_actors.agents.run import Run, RunServices
from netra_actors.errors import LogFull, NotFound, QueueFull
from netra_actors.identity import MessageID, RunID, ThreadID
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.closing import Closing
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentError,
    AgentStarted,
    Payload,
    RunCancelling,
    RunQueued,
)
from netra_actors.sessions.bridge import AgentWebSocketBridge, ReadFile, ReadHistory
from netra_actors.sessions.loading import append_closers
from netra_actors.sessions.queue import RunQueue, RunRequest
from netra_actors.settings import Plans

logger = structlog.get_logger(__name__)


@final
@attrs.define(eq=False, kw_only=True)
class ExecutionEngine:
    """The runs of one session.

    Attributes:
        queue: those that wait.
        active: those under way, by run_id.
        on_end: called after each run's terminal.
    """

    log: SessionLog
    agents: AgentRegistry
    plans: Plans
    services: RunServices
    read_file: ReadFile
    read_history: ReadHistory
    queue_capacity: int
    on_end: Callable[[AgentWebSocketBridge], None]
    nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    """The session's run nursery, while its entry lives."""
    paused: bool = attrs.field(default=False, init=False)
    """Set by a drain: what waits stays queued."""
    queue: RunQueue = attrs.field(factory=RunQueue, init=False)
    active: dict[RunID, AgentWebSocketBridge] = attrs.field(factory=dict, init=False)
    _on_quiet: list[tuple[frozenset[RunID], Callable[[], None]]] = attrs.field(
        factory=list, init=False
    )

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self.active and not self.queue

    def must_wait(self, thread_id: ThreadID, plan: str) -> bool:
        """Whether a new run of that thread could not start now."""
        return (
            self.paused
            or len(self._under_way()) >= self.plans.named(plan).runs
            or not self.is_free(thread_id)
            or any(request.thread_id == thread_id for request in self.queue)
        )

    def check_room(self, thread_id: ThreadID, plan: str) -> None:
        """Refuse a run that would have to wait where no more may.

        Raises:
            QueueFull: with the bound in its text.
        """
        if len(self.queue) >= self.queue_capacity and self.must_wait(thread_id, plan):
            raise QueueFull(f"{len(self.queue)} messages wait already; that is the limit")

    def submit(self, request: RunRequest, *, announce: bool = True) -> None:
        """Start *request*, or let it wait; `run_queued` is appended only if it waits."""
        waits = self.must_wait(request.thread_id, request.context.plan)
        self.queue.add(request)
        if waits:
            if announce:
                place = self.queue.place(request.run_id, trio.current_time())
                self._append(request, RunQueued(place=place))
        else:
            self.pump()

    def _append(self, request: RunRequest, payload: Payload) -> None:
        self.log.append(
            payload,
            thread_id=request.thread_id,
            run_id=request.run_id,
            message_id=request.message_id,
        )

    def _under_way(self) -> list[AgentWebSocketBridge]:
        """Return the runs without a terminal; one that has it is about to leave `active`."""
        return [bridge for bridge in self.active.values() if not bridge.run.notifier.closed]

    def is_free(self, thread_id: ThreadID) -> bool:
        """Whether no run of that thread is under way."""
        return all(run.request.thread_id != thread_id for run in self._under_way())

    def pump(self) -> None:
        """Start what may start."""
        while not self.paused and self.nursery is not None:
            request = self.queue.take(trio.current_time(), self._may_start)
            if request is None:
                return
            self._start(request, self.nursery)

    def _may_start(self, request: RunRequest) -> bool:
        limit = self.plans.named(request.context.plan).runs
        return len(self._under_way()) < limit and self.is_free(request.thread_id)

    def _start(self, request: RunRequest, nursery: trio.Nursery) -> None:
        try:
            agent = self.agents.get(request.agent)
        except NotFound as gone:
            self._fail_unstarted(request, gone)
            return
        notifier = WebSocketNotifier(
            log=self.log,
            run_id=request.run_id,
            thread_id=request.thread_id,
            message_id=request.message_id,
        )
        context = request.context.bind(thread_id=request.thread_id, run_id=request.run_id)
        bridge = AgentWebSocketBridge(
            request=request,
            agent=agent,
            run=Run(context=context, notifier=notifier, services=self.services),
            deadline_s=self.plans.named(context.plan).run_deadline_s,
            read_file=self.read_file,
            read_history=self.read_history,
        )
        self.active[request.run_id] = bridge
        nursery.start_soon(self._conduct, bridge, name=request.run_id)

    def _fail_unstarted(self, request: RunRequest, gone: NotFound) -> None:
        """Close a run whose agent this release does not offer any more."""
        error = AgentError(
            error_type=gone.code,
            user_friendly_message=gone.message,
            recoverable=True,
            recovery_suggestions=["Ask one of the agents that are offered now."],
            reference=self.services.ids.generate("err"),
        )
        self._append(request, AgentStarted(agent_name=request.agent or "unknown"))
        self._append(request, error)
        self._append(request, AgentCompleted(status="failed", duration_ms=0, metrics={}))

    async def _conduct(self, bridge: AgentWebSocketBridge) -> None:
        try:
            await bridge.conduct()
        except Exception:  # The last boundary: a run never takes its session with it.
            logger.exception("run_broke", run_id=bridge.request.run_id)
            self._close_broken(bridge)
        finally:
            del self.active[bridge.request.run_id]
            self.on_end(bridge)
            self._tell_quiet()
            self.pump()

    def _close_broken(self, bridge: AgentWebSocketBridge) -> None:
        run_id = bridge.request.run_id
        bridge.run.notifier.closed = True
        if run_id not in self.log.lifecycle.runs:
            return
        closing = Closing(status="interrupted", tool_status="unknown", reason="internal fault")
        try:
            append_closers(self.log, closing.close(self.log.lifecycle.runs, run_id))
        except LogFull:
            # It is closed when the session is loaded again.
            logger.error("run_left_open", run_id=run_id)  # noqa: TRY400

    def _tell_quiet(self) -> None:
        waiting, self._on_quiet = self._on_quiet, []
        for runs, callback in waiting:
            if runs.isdisjoint(self.active):
                callback()
            else:
                self._on_quiet.append((runs, callback))

    def when_ended(self, runs: Iterable[RunID], callback: Callable[[], None]) -> None:
        """Call *callback* once none of *runs* is under way; at once if that is so."""
        open_runs = frozenset(runs) & self.active.keys()
        if open_runs:
            self._on_quiet.append((open_runs, callback))
        else:
            callback()

    def stop(self, runs: Iterable[RunID], by: str, reason: str | None = None) -> Sequence[RunID]:
        """Stop these runs, waiting or under way; return those that this stop ends."""
        stopped = [run_id for run_id in runs if self._stop_one(run_id, by, reason)]
        self.pump()
        return stopped

    def _stop_one(self, run_id: RunID, by: str, reason: str | None) -> bool:
        if run_id in self.active:
            return self.active[run_id].stop(by, reason)
        request = self.queue.remove(run_id)
        if request is None:
            return False
        self.close_unstarted(request, by, reason)
        return True

    def close_unstarted(self, request: RunRequest, by: str, reason: str | None = None) -> None:
        """Close a run that never ran, as cancelled, in one step."""
        self._append(request, RunCancelling(by=by, reason=reason))
        self._append(request, AgentStarted(agent_name=request.agent))
        terminal = AgentCompleted(
            status="cancelled", duration_ms=0, metrics={}, cancelled_by=by, descendants=0
        )
        self._append(request, terminal)

    def runs_of(
        self,
        *,
        thread_id: ThreadID | None = None,
        message_id: MessageID | None = None,
        include_all: bool = False,
    ) -> list[RunID]:
        """Return the open runs of a thread, of a message, or all; those under way first."""
        requests = [*(bridge.request for bridge in self._under_way()), *self.queue]
        return [
            request.run_id
            for request in requests
            if include_all
            or (thread_id is not None and request.thread_id == thread_id)
            or (message_id is not None and request.message_id == message_id)
        ]

    def interrupt(self, reason: str) -> None:
        """End every run under way because the service has to."""
        for bridge in tuple(self.active.values()):
            bridge.interrupt(reason)


@final
@attrs.frozen(kw_only=True)
class ExecutionEngineFactory:
    """Makes one engine for each session."""

    agents: AgentRegistry
    plans: Plans
    services: RunServices
    queue_capacity: int

    def create_for_user(
        self,
        log: SessionLog,
        *,
        read_file: ReadFile,
        read_history: ReadHistory,
        on_end: Callable[[AgentWebSocketBridge], None],
    ) -> ExecutionEngine:
        """Return the engine of the session that *log* belongs to."""
        return ExecutionEngine(
            log=log,
            agents=self.agents,
            plans=self.plans,
            services=self.services,
            read_file=read_file,
            read_history=read_history,
            queue_capacity=self.queue_capacity,
            on_end=on_end,
        )
