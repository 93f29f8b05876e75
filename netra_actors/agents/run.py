"""A run: what an agent holds in its hands while it works.

Everything it says is appended at once, in the order of its calls; awaiting only paces it. A run
does not know how many devices watch, and a device that leaves does not end it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import msgspec
import trio

from netra_actors.agents.message import HistoryMessage
from netra_actors.agents.notifier import Emitted, WebSocketNotifier
from netra_actors.agents.tools import Tool, ToolRunner
from netra_actors.agents.values import builtins
from netra_actors.identity import (
    RunID,
    ThreadID,
    UnifiedIdGenerator,
    UserExecutionContext,
)
from netra_actors.protocol.events import FileRef, RunStatus, ToolStatus, Urgency
from netra_actors.protocol.text import clean_text, cut, cut_bytes, encoded_size, split_text

if TYPE_CHECKING:
    from netra_actors.agents.subagents import SubagentGroup

MAX_INLINE: Final = 32 * 1024
"""Bytes of a result, a report or an answer that an event carries; beyond it, a file does."""
MAX_STORED: Final = 10 * 1024 * 1024
MAX_PIECE: Final = 60 * 1024
PREVIEW: Final = 500


@final
@attrs.frozen(kw_only=True)
class RunServices:
    """What the service lends to its runs."""

    ids: UnifiedIdGenerator
    run_sync: ToolRunner
    store: Callable[[UserExecutionContext, str, bytes], Awaitable[FileRef]]
    """Stores a large result as a file of the user: (context, name, body)."""
    on_missing: Callable[[RunID, str, Sequence[str]], None]
    """Told of a completed run that lacks promised events: (run, agent, types)."""


@final
@attrs.define(eq=False, kw_only=True)
class Run:
    """One execution of an agent.

    Attributes:
        context: whose run it is; `context.run_id` and `context.thread_id` are its own.
        notifier: the run's mouth, for events that have no method here.
        history: the thread's earlier messages, oldest first.
        cancelled_by: who stopped it, once somebody did.
        descendants: sub-runs that were cancelled with it.
    """

    context: UserExecutionContext
    notifier: WebSocketNotifier
    services: RunServices
    history: tuple[HistoryMessage, ...] = ()
    parent: "Run | None" = None
    started_at: float = attrs.field(factory=trio.current_time, init=False)
    cancelled_by: str | None = attrs.field(default=None, init=False)
    interrupted: str | None = attrs.field(default=None, init=False)
    """Why the service ends it without a stop, once it does."""
    descendants: int = attrs.field(default=0, init=False)
    ended_as: RunStatus | None = attrs.field(default=None, init=False)
    """The status of its terminal, once it has one."""
    _said: list[str] = attrs.field(factory=list, init=False)
    _said_chars: int = attrs.field(default=0, init=False)

    @property
    def run_id(self) -> RunID:
        """This run's identifier."""
        return self.notifier.run_id

    @property
    def thread_id(self) -> ThreadID:
        """The thread it answers in."""
        return self.notifier.thread_id

    @property
    def said(self) -> str:
        """The text streamed so far."""
        return "".join(self._said)

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since it started."""
        return round((trio.current_time() - self.started_at) * 1000)

    def think(
        self,
        thought: str,
        *,
        step_number: int | None = None,
        total_steps: int | None = None,
        progress_percentage: float | None = None,
        estimated_remaining_ms: int | None = None,
        current_operation: str | None = None,
        urgency: Urgency = "low",
    ) -> Emitted:
        """Say what the agent is at."""
        return self.notifier.send_agent_thinking(
            thought,
            step_number=step_number,
            total_steps=total_steps,
            progress_percentage=progress_percentage,
            estimated_remaining_ms=estimated_remaining_ms,
            current_operation=current_operation,
            urgency=urgency,
        )

    def partial(self, content: str, *, is_complete: bool = False) -> Emitted:
        """Stream a piece of the answer; long ones become several events.

        Awaiting it waits while the backlog is full.
        """
        *head, last = split_text(clean_text(content), MAX_PIECE)
        for piece in head:
            self._say(piece, is_complete=False)
        return self._say(last, is_complete=is_complete)

    def _say(self, piece: str, *, is_complete: bool) -> Emitted:
        emitted = self.notifier.send_partial_result(piece, is_complete=is_complete)
        if self._said_chars < MAX_STORED:
            self._said.append(piece)
            self._said_chars += len(piece)
        return emitted

    def progress(
        self,
        percentage: float | None = None,
        *,
        current_step: int | None = None,
        total_steps: int | None = None,
        message: str | None = None,
    ) -> Emitted:
        """Say how far the run is."""
        return self.notifier.send_progress_update(
            percentage=percentage,
            current_step=current_step,
            total_steps=total_steps,
            message=message,
        )

    def custom(self, name: str, data: Any = None) -> Emitted:
        """Append an event of your own making; *data* is anything that JSON can hold."""
        return self.notifier.send_custom(name, data)

    async def report(
        self,
        report: Any,
        *,
        executive_summary: str | None = None,
        recommendations: Sequence[Any] = (),
        action_plan: Sequence[Any] = (),
        cost_analysis: Any = None,
        confidence: float | None = None,
    ) -> None:
        """Give the structured result; only the terminal may follow it.

        Cancellation: a report over 32 KiB is stored first, and may then stay unannounced.
        """
        shown, ref = await self._fit("report.json", builtins(report))
        await self.notifier.send_final_report(
            shown,
            report_ref=ref,
            executive_summary=executive_summary,
            recommendations=recommendations,
            action_plan=action_plan,
            cost_analysis=cost_analysis,
            confidence=confidence,
            total_duration_ms=self.elapsed_ms,
        )

    async def call(self, tool: Tool, /, *args: Any, **kwargs: Any) -> Any:
        """Call a tool, so that everybody sees it work; return what it returns.

        Its `tool_executing` is followed by one `tool_completed`, also when it raises (status
        ``error``; the exception goes on to you) or the run is cancelled (``cancelled``).

        Raises:
            TypeError: not a tool, or arguments that do not fit it (nothing was emitted).
        """
        if not isinstance(tool, Tool):
            raise TypeError(f"{tool!r} is not a tool; decorate it with @tool(purpose=...)")
        parameters = tool.parameters(args, kwargs)
        call_id = self.services.ids.generate_call_id()
        started = trio.current_time()
        status: ToolStatus = "cancelled"
        error, shown, ref = None, None, None
        emitted = self.notifier.send_tool_executing(
            call_id,
            tool.name,
            tool.purpose,
            parameters=parameters,
            estimated_duration_ms=tool.estimated_duration_ms,
        )
        try:
            await emitted
            value = await self._perform(tool, args, kwargs)
            shown, ref = await self._fit(f"{tool.name}.json", tool.result(value))
            status = "success"
        except Exception as failure:
            status, error = "error", f"{type(failure).__name__}: {failure}"
            raise
        finally:
            if not self.notifier.closed:
                self.notifier.send_tool_completed(
                    call_id,
                    tool.name,
                    status,
                    execution_time_ms=round((trio.current_time() - started) * 1000),
                    result=shown,
                    result_ref=ref,
                    error=error,
                )
        return value

    async def _perform(self, tool: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if tool.is_async:
            return await tool.fn(*args, **kwargs)
        return await self.services.run_sync(tool.fn, *args, **kwargs)

    async def _fit(self, name: str, value: Any) -> tuple[Any, FileRef | None]:
        """Return what an event can carry of *value*, and where all of it is."""
        body = msgspec.json.encode(value)
        if len(body) <= MAX_INLINE:
            return value, None
        ref = await self.services.store(self.context, name, body[:MAX_STORED])
        return cut(body.decode(), PREVIEW), ref

    async def fit_answer(self, answer: str) -> tuple[str, FileRef | None]:
        """Return what the terminal can carry of *answer*, and where all of it is.

        Cancellation: nothing happened, or an unannounced file is left.
        """
        # As JSON, where a newline has two bytes and a control character six.
        if len(answer) * 6 <= MAX_INLINE or encoded_size(answer) <= MAX_INLINE:
            return answer, None
        body = cut_bytes(answer, MAX_STORED).encode()
        ref = await self.services.store(self.context, "answer.txt", body)
        return cut(answer, PREVIEW), ref

    @asynccontextmanager
    async def subagents(self) -> AsyncIterator["SubagentGroup"]:
        """Open a group of sub-runs; the block ends when all of them have.

        A sub-agent that raises cancels the others, and the block raises an `ExceptionGroup`.
        """
        from netra_actors.agents.subagents import SubagentGroup  # noqa: PLC0415  # they are a pair

        async with trio.open_nursery() as nursery:
            yield SubagentGroup(self, nursery)
