"""Random but legal histories of one session, for tests and for the vectors.

The choices come from a `random.Random`, so a seed is a history; property tests pass one that
their framework controls and shrinks.
"""

import random
from collections.abc import Sequence
from typing import Final

from netra_actors.protocol import events as e
from netra_actors.protocol.closing import Closing
from netra_actors.protocol.lifecycle import Lifecycle
from netra_actors.protocol.runs import Phase, RunState

TEXTS: Final = (
    "",
    "a",
    "Costs rose.",
    "äöü",
    "€ 20",
    "😀",
    "👩‍👩‍👧 ",
    '"\\\n',
    "\u2028",
    "e\u0301",
    "漢字",
)
THREADS: Final = 6


class History:
    """Writes events one after the other; `events` is what it has written."""

    def __init__(self, rng: random.Random, *, text_size: int = 3) -> None:
        self.events: list[e.Event] = []
        self.lifecycle = Lifecycle()
        self._rng = rng
        self._text_size = text_size
        self._names = 0
        self._clock = 1_700_000_000_000
        self._interrupted: list[RunState] = []

    def write(self, count: int) -> list[e.Event]:
        """Take *count* steps, each of one event or a few; return all events so far."""
        for _ in range(count):
            self._step()
        return self.events

    def _step(self) -> None:
        runs = list(self.lifecycle.runs.values())
        if not runs or self._rng.random() < 0.15:
            self._session_step()
        else:
            self._run_step(self._rng.choice(runs))

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}_{self._names}"

    def _text(self) -> str:
        return "".join(
            self._rng.choice(TEXTS) for _ in range(self._rng.randint(1, self._text_size))
        )

    def emit(self, payload: e.Payload, run: RunState | None = None, **envelope: str | None) -> None:
        """Append one event; it must be legal."""
        if run is not None:
            envelope = {
                "run_id": run.run_id,
                "parent_run_id": run.parent_run_id,
                "thread_id": run.thread_id,
                "message_id": run.message_id,
            }
        self.lifecycle.advance(
            payload,
            run_id=envelope.get("run_id"),
            parent_run_id=envelope.get("parent_run_id"),
            thread_id=envelope.get("thread_id"),
            message_id=envelope.get("message_id"),
        )
        # The wall clock stands still, jumps and steps back.
        self._clock += self._rng.choice((0, 0, 1, 7, 400, -3))
        self.events.append(
            e.Event(
                type="from_the_future" if isinstance(payload, e.Unknown) else payload.type,
                seq=len(self.events) + 1,
                timestamp=self._clock,
                thread_id=envelope.get("thread_id"),
                run_id=envelope.get("run_id"),
                parent_run_id=envelope.get("parent_run_id"),
                message_id=envelope.get("message_id"),
                payload=payload,
            )
        )

    def _session_step(self) -> None:
        thread_id = f"thr_{self._rng.randint(1, THREADS)}"
        busy = {run.thread_id for run in self.lifecycle.runs.values()}
        match self._rng.choices(
            ("ask", "create", "rename", "delete", "other", "continue"), (9, 2, 1, 1, 1, 2)
        )[0]:
            case "create":
                self.emit(e.ThreadCreated(title=self._text()), thread_id=thread_id)
            case "rename":
                self.emit(e.ThreadRenamed(title=self._text()), thread_id=thread_id)
            case "delete" if thread_id not in busy:
                self.emit(e.ThreadDeleted(title=self._text()), thread_id=thread_id)
            case "other":
                self.emit(self._rng.choice((e.Erased(), e.Unknown())), thread_id=thread_id)
            case "continue" if self._interrupted:
                self._continue(self._interrupted.pop())
            case _:
                self._ask(thread_id)

    def _ask(self, thread_id: str) -> None:
        run_id = self._name("run")
        ask = e.UserMessage(content=self._text(), priority="normal", policy="enqueue")
        self.emit(ask, thread_id=thread_id, run_id=run_id, message_id=self._name("msg"))
        run = self.lifecycle.runs[run_id]
        if self._rng.random() < 0.5:
            waiting = sum(not other.started for other in self.lifecycle.runs.values())
            self.emit(e.RunQueued(place=waiting), run)
        else:
            self.emit(e.AgentStarted(agent_name=self._text()), run)

    def _continue(self, run: RunState) -> None:
        started = e.AgentStarted(agent_name="analyst", attempt=2, continues=run.run_id)
        run_id, thread_id = self._name("run"), run.thread_id
        self.emit(started, run_id=run_id, thread_id=thread_id, message_id=run.message_id)

    def _run_step(self, run: RunState) -> None:
        if self._rng.random() < 0.04:
            self._close(run)
        elif not run.cancelling and run.phase is not Phase.FAILING and self._rng.random() < 0.04:
            self.emit(e.RunCancelling(by="phone"), run)
        elif run.phase is Phase.QUEUED:
            self.emit(e.AgentStarted(agent_name=self._text()), run)
        elif run.phase is Phase.RUNNING:
            self._act(run)
        else:
            self._close(run)

    def _act(self, run: RunState) -> None:
        calm = not run.tools and not run.subruns
        match self._rng.choices(
            ("say", "think", "tool", "end tool", "sub", "end sub", "report", "fail", "more"),
            (9, 4, 4, 4, 2, 3, 1, 1, 1),
        )[0]:
            case "think":
                self.emit(e.AgentThinking(thought=self._text(), urgency="low"), run)
            case "tool":
                self.emit(
                    e.ToolExecuting(
                        call_id=self._name("call"),
                        tool_name=self._text(),
                        tool_purpose=self._text(),
                        parameters={"q": self._text()},
                    ),
                    run,
                )
            case "end tool" if run.tools:
                self._end_tool(run)
            case "sub":
                name = self._name("run")
                self.emit(e.SubagentStarted(subagent_run_id=name, subagent_name=self._text()), run)
            case "end sub" if run.ended:
                self._end_subrun(run)
            case "report" if calm:
                report = e.FinalReport(
                    report={}, recommendations=[], action_plan=[], total_duration_ms=9
                )
                self.emit(report, run)
            case "fail" if calm and not run.cancelling:
                self._fail(run)
            case "more":
                self.emit(
                    self._rng.choice((e.ProgressUpdate(percentage=5.0), e.Custom(name="x"))), run
                )
            case _:
                for _ in range(self._rng.randint(1, 4)):
                    self.emit(e.PartialResult(content=self._text(), is_complete=False), run)

    def _end_tool(self, run: RunState) -> None:
        call_id, name = self._rng.choice(list(run.tools.items()))
        status: e.ToolStatus = self._rng.choice(("success", "error", "cancelled", "unknown"))
        self.emit(
            e.ToolCompleted(call_id=call_id, tool_name=name, status=status, execution_time_ms=5),
            run,
        )

    def _end_subrun(self, run: RunState) -> None:
        subrun_id, status = self._rng.choice(list(run.ended.items()))
        name = run.subruns[subrun_id]
        ended: e.RunStatus | None = self._rng.choice((status, None))
        self.emit(
            e.SubagentCompleted(subagent_run_id=subrun_id, subagent_name=name, status=ended), run
        )

    def _fail(self, run: RunState) -> None:
        self.emit(
            e.AgentError(
                error_type="tool_failed",
                user_friendly_message="It failed.",
                recoverable=True,
                recovery_suggestions=[],
                reference="ref_1",
            ),
            run,
        )

    def _close(self, run: RunState) -> None:
        statuses: Sequence[e.RunStatus] = ("completed", "failed", "cancelled", "interrupted")
        closing = Closing(
            status=self._rng.choice(statuses),
            agent_name="analyst",
            text_so_far=lambda _: self._rng.choice((None, self._text())),
        )
        for closer in closing.close(self.lifecycle.runs, run.run_id):
            self.emit(closer.payload, closer.run)
        last = self.events[-1].payload
        if (
            isinstance(last, e.AgentCompleted)
            and last.status == "interrupted"
            and run.parent_run_id is None
        ):
            self._interrupted.append(run)
