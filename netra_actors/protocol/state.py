"""The fold: what a session looks like after its committed events.

Every bound is applied after every event, as a function of the state and the event alone. So
the fold of a snapshot and the tail after it is the fold of the whole log, wherever the snapshot
was taken, and Python and JavaScript agree. The rules are written down in
`docs/protocol-state.md`; `tests/vectors/` checks both.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Self, final

import attrs
import msgspec

from netra_actors.protocol import events as e
from netra_actors.protocol.open_run import MAX_NAME_CHARS, OpenRun
from netra_actors.protocol.text import cut, cut_bytes
from netra_actors.protocol.views import MessageView, Role, StateView, ThreadView

MAX_THREADS: Final = 100
MAX_MESSAGES: Final = 50
MAX_CONTENT_BYTES: Final = 4_096
MAX_RUNS: Final = 200
"""Open runs; what would be one more is not tracked."""
MAX_SUBRUN_RUNS: Final = 100
"""A sub-run is tracked only while fewer runs than these are."""
ALL_TEXT_BYTES: Final = 262_144
"""Of all started runs together; one has at most a quarter of it."""
ALL_STEPS: Final = 1_000
"""Of all started runs together; one has at most a tenth of them."""


@final
@attrs.define(eq=False)
class State:
    """One session's threads, newest messages and open runs.

    `apply` takes the events in order and without holes; `applied` is the last one's seq.
    """

    applied: int = 0
    _threads: dict[str, ThreadView] = attrs.field(factory=dict, init=False)
    _messages: deque[MessageView] = attrs.field(
        factory=lambda: deque(maxlen=MAX_MESSAGES), init=False
    )
    _runs: dict[str, OpenRun] = attrs.field(factory=dict, init=False)
    _text_bytes: int = attrs.field(default=ALL_TEXT_BYTES // 4, init=False)
    _steps: int = attrs.field(default=ALL_STEPS // 10, init=False)

    def apply(self, event: e.Event) -> None:
        """Take the next event, single or merged; one that shows nothing moves `applied` only."""
        self.applied = event.seq
        step = self._STEPS.get(type(event.payload))
        if step is not None:
            step(self, event, event.payload)

    def view(self) -> StateView:
        """Return the state; it shares what may change with the next event."""
        newest = sorted(self._threads.values(), key=_age, reverse=True)
        runs = [run.view() for run in self._runs.values()]
        return StateView(threads=newest, messages=list(self._messages), runs=runs)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON values, shared with nothing."""
        built: dict[str, Any] = msgspec.to_builtins(self.view())
        return built

    @classmethod
    def from_snapshot(cls, state: Mapping[str, Any], at: int = 0) -> Self:
        """Return the state that `snapshot` returned when `applied` was *at*.

        Raises:
            msgspec.ValidationError: *state* is none.
        """
        view = msgspec.convert(state, StateView)
        made = cls(at)
        made._threads.update((thread.thread_id, thread) for thread in view.threads)
        made._messages.extend(view.messages)
        made._runs.update((run.run_id, OpenRun.from_view(run)) for run in view.runs)
        made._share_out()
        return made

    def _share_out(self) -> None:
        """Give every started run an equal part of the text and steps that all may have.

        The part depends on how many runs have started and not on what they said, so merged
        partials fold to the same as single ones.
        """
        started = sum(run.agent_name is not None for run in self._runs.values())
        self._text_bytes = ALL_TEXT_BYTES // max(4, started)
        self._steps = ALL_STEPS // max(10, started)
        for run in self._runs.values():
            run.text.keep(self._text_bytes)
            run.keep_steps(self._steps)

    def _touch(self, event: e.Event) -> None:
        thread = self._threads.get(event.thread_id or "")
        if thread is not None:
            thread.updated_at = max(thread.updated_at, event.timestamp)

    def _add_thread(self, event: e.Event, thread_id: str, title: str) -> None:
        self._threads[thread_id] = ThreadView(
            thread_id=thread_id,
            title=cut(title, MAX_NAME_CHARS),
            created_at=event.timestamp,
            updated_at=event.timestamp,
        )
        if len(self._threads) > MAX_THREADS:
            del self._threads[min(self._threads.values(), key=_age).thread_id]

    def _say(
        self, event: e.Event, role: Role, message_id: str | None, content: str, *, more: bool
    ) -> None:
        shown = cut_bytes(content, MAX_CONTENT_BYTES)
        payload = event.payload
        self._messages.append(
            MessageView(
                message_id=message_id or "",
                thread_id=event.thread_id,
                role=role,
                content=shown,
                created_at=event.timestamp,
                run_id=event.run_id,
                status=payload.status if isinstance(payload, e.AgentCompleted) else None,
                cut=more or len(shown) < len(content),
            )
        )

    def _introduce(self, event: e.Event, run_id: str | None, parent: str | None) -> None:
        limit = MAX_RUNS if parent is None else MAX_SUBRUN_RUNS
        if run_id is not None and run_id not in self._runs and len(self._runs) < limit:
            self._runs[run_id] = OpenRun(
                run_id=run_id,
                thread_id=event.thread_id,
                parent_run_id=parent,
                message_id=event.message_id,
            )

    def _run(self, event: e.Event) -> OpenRun | None:
        return None if event.run_id is None else self._runs.get(event.run_id)

    def _leave_queue(self, run: OpenRun) -> None:
        if run.place is None:
            return
        for other in self._runs.values():
            if other.place is not None and other.place > run.place:
                other.place -= 1
        run.place = None

    def _thread_created(self, event: e.Event, payload: e.ThreadCreated) -> None:
        if event.thread_id is not None:
            self._add_thread(event, event.thread_id, payload.title)

    def _thread_renamed(self, event: e.Event, payload: e.ThreadRenamed) -> None:
        thread = self._threads.get(event.thread_id or "")
        if thread is not None:
            thread.title = cut(payload.title, MAX_NAME_CHARS)

    def _thread_deleted(self, event: e.Event, _: e.ThreadDeleted) -> None:
        self._threads.pop(event.thread_id or "", None)
        kept = [message for message in self._messages if message.thread_id != event.thread_id]
        self._messages = deque(kept, MAX_MESSAGES)
        # They have their terminals, unless the events that said so are erased by now.
        for run in [run for run in self._runs.values() if run.thread_id == event.thread_id]:
            self._leave_queue(run)
            del self._runs[run.run_id]
        self._share_out()

    def _user_message(self, event: e.Event, payload: e.UserMessage) -> None:
        if event.thread_id is not None and event.thread_id not in self._threads:
            # It was too long ago to be remembered; its title is in the record alone.
            self._add_thread(event, event.thread_id, "")
        self._touch(event)
        self._say(event, "user", event.message_id, payload.content, more=False)
        self._introduce(event, event.run_id, None)

    def _run_queued(self, event: e.Event, payload: e.RunQueued) -> None:
        run = self._run(event)
        if run is not None:
            run.place = payload.place

    def _run_cancelling(self, event: e.Event, _: e.RunCancelling) -> None:
        run = self._run(event)
        if run is not None:
            run.state = "cancelling"

    def _agent_started(self, event: e.Event, payload: e.AgentStarted) -> None:
        # A run that continues another has no user_message of its own.
        self._introduce(event, event.run_id, event.parent_run_id)
        run = self._run(event)
        if run is None:
            return
        self._leave_queue(run)
        run.agent_name = cut(payload.agent_name, MAX_NAME_CHARS)
        if run.state == "queued":
            run.state = "running"
        self._share_out()

    def _agent_thinking(self, event: e.Event, payload: e.AgentThinking) -> None:
        run = self._run(event)
        if run is not None:
            run.add_step("thinking", payload.thought, max_steps=self._steps)

    def _tool_executing(self, event: e.Event, payload: e.ToolExecuting) -> None:
        run = self._run(event)
        if run is not None:
            run.add_step(
                "tool",
                payload.tool_name,
                max_steps=self._steps,
                call_id=payload.call_id,
                purpose=payload.tool_purpose,
            )

    def _tool_completed(self, event: e.Event, payload: e.ToolCompleted) -> None:
        run = self._run(event)
        if run is not None:
            run.end_step(payload.call_id, payload.status, payload.execution_time_ms)

    def _partial_result(self, event: e.Event, payload: e.PartialResult) -> None:
        run = self._run(event)
        if run is not None:
            run.text.append(payload.content, self._text_bytes)

    def _subagent_started(self, event: e.Event, payload: e.SubagentStarted) -> None:
        run = self._run(event)
        if run is not None:
            run.add_step(
                "subagent",
                payload.subagent_name,
                max_steps=self._steps,
                call_id=payload.subagent_run_id,
            )
            self._introduce(event, payload.subagent_run_id, run.run_id)

    def _subagent_completed(self, event: e.Event, payload: e.SubagentCompleted) -> None:
        run = self._run(event)
        if run is not None:
            status = payload.status or "completed"
            run.end_step(payload.subagent_run_id, status, payload.duration_ms)

    def _agent_completed(self, event: e.Event, payload: e.AgentCompleted) -> None:
        run = self._run(event)
        if run is not None:
            del self._runs[run.run_id]
            self._share_out()
        if event.parent_run_id is None:
            self._touch(event)
            if payload.final_response:
                more = payload.final_response_ref is not None
                self._say(event, "agent", event.run_id, payload.final_response, more=more)

    _STEPS: ClassVar[Mapping[type[e.Payload], Callable[[Self, e.Event, Any], None]]] = {
        e.UserMessage: _user_message,
        e.RunQueued: _run_queued,
        e.RunCancelling: _run_cancelling,
        e.AgentStarted: _agent_started,
        e.AgentThinking: _agent_thinking,
        e.ToolExecuting: _tool_executing,
        e.ToolCompleted: _tool_completed,
        e.PartialResult: _partial_result,
        e.SubagentStarted: _subagent_started,
        e.SubagentCompleted: _subagent_completed,
        e.AgentCompleted: _agent_completed,
        e.ThreadCreated: _thread_created,
        e.ThreadRenamed: _thread_renamed,
        e.ThreadDeleted: _thread_deleted,
    }


def _age(thread: ThreadView) -> tuple[int, str]:
    return thread.updated_at, thread.thread_id
