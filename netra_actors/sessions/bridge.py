"""The bridge between an agent and a session: runs one agent as one run.

It owns the run's cancel scope and deadline. A stop appends `run_cancelling` and cancels the
scope in one step, so the first append wins against the agent's own return.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, final

import attrs
import structlog
import trio

from netra_actors.agents.execution import Outcome, execute
from netra_actors.agents.message import Attachment, HistoryMessage, UserMessage
from netra_actors.agents.registry import Agent
from netra_actors.agents.run import Run
from netra_actors.errors import IllegalTransition, LogFull, Unavailable
from netra_actors.protocol.events import AttachmentRef, RunCancelling
from netra_actors.sessions.queue import RunRequest

logger = structlog.get_logger(__name__)

HISTORY: Final = 20
"""Earlier messages of the thread that an agent is given."""

ReadFile = Callable[[AttachmentRef], Awaitable[bytes]]
ReadHistory = Callable[[RunRequest, int], Awaitable[Sequence[HistoryMessage]]]


@final
@attrs.define(eq=False, kw_only=True)
class AgentWebSocketBridge:
    """One run of one agent, from start to terminal.

    Attributes:
        request: what was asked.
        run: what the agent holds.
        deadline_s: after so long the run is stopped by ``deadline``.
        ended: set after the terminal.
    """

    request: RunRequest
    agent: Agent
    run: Run
    deadline_s: float
    read_file: ReadFile
    read_history: ReadHistory
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    started_at: float = attrs.field(factory=trio.current_time, init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    async def conduct(self) -> None:
        """Run to the terminal; a crash of the agent ends here, as the run's last events.

        Cancellation: the terminal is appended on the way out.
        """
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_deadline)
                    await self._execute()
                    nursery.cancel_scope.cancel(reason="the run has ended")
        finally:
            self.ended.set()

    async def _execute(self) -> Outcome:
        return await execute(self.run, self.agent, self._work)

    async def _work(self) -> Any:
        # Nothing may happen on behalf of a message that a crash could unsay.
        log = self.run.notifier.log
        if not await log.wait_committed(log.head):
            raise Unavailable("the session has moved to another worker")
        history = await self.read_history(self.request, HISTORY)
        self.run.history = tuple(history)
        return await self.agent.fn(self.run, self._message())

    def _message(self) -> UserMessage:
        request = self.request
        return UserMessage(
            content=request.content,
            message_id=request.message_id,
            thread_id=request.thread_id,
            attachments=tuple(self._attachment(ref) for ref in request.attachments),
        )

    def _attachment(self, ref: AttachmentRef) -> Attachment:
        async def read() -> bytes:
            return await self.read_file(ref)

        return Attachment(ref.file_id, ref.name, ref.bytes, read)

    async def _watch_deadline(self) -> None:
        await trio.sleep(self.deadline_s)
        self.stop("deadline", f"longer than {self.deadline_s:g} s")

    def stop(self, by: str, reason: str | None = None) -> bool:
        """Append `run_cancelling` and cancel, in one step; False if that is done or too late."""
        notifier = self.run.notifier
        state = notifier.log.lifecycle.runs.get(self.run.run_id)
        if state is None or notifier.closed:
            # An author may have sent the terminal by hand: what is left of the run still ends.
            self._scope.cancel(reason=f"stopped by {by}")
            return False
        if state.cancelling:
            return False
        self.run.cancelled_by = by
        try:
            notifier.send(RunCancelling(by=by, reason=reason))
        except (LogFull, IllegalTransition):
            # Full, or after an `agent_error` that its author sent by hand.
            logger.warning("stop_not_recorded", run_id=self.run.run_id, by=by)
        self._scope.cancel(reason=f"stopped by {by}")
        return True

    def interrupt(self, reason: str) -> None:
        """End the run because the service has to; its terminal is ``interrupted``."""
        self.run.interrupted = self.run.interrupted or reason
        self._scope.cancel(reason=reason)
