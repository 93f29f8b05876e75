"""One run from its first event to its terminal, whatever happens in between.

The terminal is appended in a plain `finally`, without waiting, so a cancelled run closes itself
in order and needs no shield. Who stops a run appends `run_cancelling` first and cancels its
scope in the same step; from then on the terminal is `cancelled`, whatever the agent returns.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, final

import attrs
import structlog
import trio

from netra_actors.agents.notifier import MAX_ERROR
from netra_actors.agents.registry import Agent
from netra_actors.agents.run import MAX_INLINE, Run
from netra_actors.errors import ClientError, IllegalTransition, LogFull, NetraError, RecordError
from netra_actors.log.limits import EventTooLarge
from netra_actors.protocol.events import FileRef, RunStatus
from netra_actors.protocol.runs import Phase, RunState
from netra_actors.protocol.text import clean_text, cut_encoded

log = structlog.get_logger(__name__)

_ADVICE: Final = ("Ask again.", "If it happens again, give the operator the reference.")


@final
@attrs.frozen(kw_only=True)
class Ending:
    """How a run ends, before it is known whether a stop came first."""

    status: RunStatus
    answer: str | None = None
    answer_ref: FileRef | None = None
    crash: Exception | None = None


@final
@attrs.frozen
class Explanation:
    """A crash in words for the user; the trace stays in the service's own log."""

    error_type: str
    sentence: str
    recoverable: bool
    suggestions: tuple[str, ...]


@final
@attrs.frozen
class Outcome:
    """How a run ended: its value if it completed, its crash if it failed."""

    status: RunStatus
    value: Any = None
    crash: Exception | None = None


async def execute(
    run: Run,
    agent: Agent,
    work: Callable[[], Awaitable[Any]],
    *,
    attempt: int | None = None,
    continues: str | None = None,
) -> Outcome:
    """Do *work* as *run* of *agent*, from `agent_started` to `agent_completed`.

    A crash of the work becomes `agent_error` and a ``failed`` terminal; it is logged, and
    returned, not raised.

    Cancellation: open tools and sub-runs are closed by their own blocks, then the terminal is
    appended: ``cancelled`` when somebody stopped the run, ``interrupted`` when the service did.
    """
    run.notifier.send_agent_started(agent.name, attempt=attempt, continues=continues)
    ending = Ending(status="interrupted")
    value = None
    try:
        value = await work()
        answer, ref = await run.fit_answer(_text(run, value))
        ending = Ending(status="completed", answer=answer, answer_ref=ref)
    except Exception as crash:  # noqa: BLE001  the run's boundary: its crash is its last event
        ending = Ending(status="failed", crash=crash)
    except SystemExit as leaving:
        # Code made for a command line leaves like this; here it would end everybody's sessions.
        ending = Ending(status="failed", crash=RuntimeError(f"sys.exit({leaving.code!r})"))
    except BaseExceptionGroup as group:
        cancelled, rest = group.split(trio.Cancelled)
        if cancelled is None or not isinstance(rest, Exception):
            raise
        # Something failed while it was being cancelled: told, and the cancellation goes on.
        ending = Ending(status="failed", crash=rest)
        raise cancelled from None
    finally:
        close(run, ending, agent)
    return Outcome(run.ended_as or ending.status, value, ending.crash)


def _text(run: Run, value: Any) -> str:
    if isinstance(value, str):
        return clean_text(value)
    return clean_text(run.said)


def close(run: Run, ending: Ending, agent: Agent) -> None:
    """Append what is left to append: open tools, the error, the terminal. Never waits."""
    state = run.notifier.log.lifecycle.runs.get(run.run_id)
    if state is None or run.notifier.closed:
        return
    _close_tools(run)
    status = _status(run, ending, state)
    if ending.crash is not None:
        told = state.phase is Phase.FAILING
        _report_crash(run, agent, ending.crash, visible=status == "failed" and not told)
    answer = ending.answer if status == "completed" else cut_encoded(run.said, MAX_INLINE)
    run.ended_as = status
    terminal: dict[str, Any] = {
        "duration_ms": run.elapsed_ms,
        "metrics": _metrics(run),
        "final_response_ref": ending.answer_ref if status == "completed" else None,
        "reason": run.interrupted if status == "interrupted" else None,
        "cancelled_by": _stopper(run) if status == "cancelled" else None,
        "descendants": run.descendants if status == "cancelled" else None,
    }
    try:
        run.notifier.send_agent_completed(status, final_response=answer or None, **terminal)
    except (EventTooLarge, LogFull):
        # A terminal without its text is better than a run without its terminal.
        run.notifier.send_agent_completed(status, **terminal)
    if status == "completed" and (missing := agent.promises - run.notifier.counts.keys()):
        run.services.on_missing(run.run_id, agent.name, sorted(missing))


def _status(run: Run, ending: Ending, state: RunState) -> RunStatus:
    if state.phase is Phase.FAILING:
        # It has told its error itself; only this may follow.
        return "failed"
    # The first append wins, whatever came on top of it.
    if state.cancelling:
        return "cancelled"
    if run.interrupted is not None:
        return "interrupted"
    if run.parent is not None:
        return _status_inside(_top(run), ending)
    if ending.status == "interrupted" and run.cancelled_by is not None:
        return "cancelled"
    return ending.status


def _status_inside(top: Run, ending: Ending) -> RunStatus:
    """How a sub-run ends: what breaks while all of it is ended is no fault of its own."""
    if ending.status == "completed":
        return "completed"
    if top.cancelled_by is not None:
        return "cancelled"
    if top.interrupted is not None:
        return "interrupted"
    # Else its parent failed, or left the group's block early.
    return "failed" if ending.status == "failed" else "cancelled"


def _top(run: Run) -> Run:
    while run.parent is not None:
        run = run.parent
    return run


def _stopper(run: Run) -> str:
    return _top(run).cancelled_by or "parent"


def _close_tools(run: Run) -> None:
    """Close tools that were opened by hand and left open."""
    state = run.notifier.log.lifecycle.runs[run.run_id]
    for call_id, name in tuple(state.tools.items()):
        run.notifier.send_tool_completed(call_id, name, "cancelled", execution_time_ms=0)  # type: ignore[arg-type]


def _metrics(run: Run) -> dict[str, int]:
    counts = run.notifier.counts
    return {
        "events": sum(counts.values()) + 1,
        "tools": counts.get("tool_executing", 0),
        "subagents": counts.get("subagent_started", 0),
    }


def _report_crash(run: Run, agent: Agent, crash: Exception, *, visible: bool) -> None:
    reference = run.services.ids.generate("err")
    log.error(
        "run_failed",
        reference=reference,
        run_id=run.run_id,
        user_id=run.context.user_id,
        agent=agent.name,
        exc_info=crash,
    )
    if not visible:
        return
    said = explain(crash)
    with contextlib.suppress(LogFull):  # Its own terminal still fits the reserve.
        run.notifier.send_agent_error(
            said.error_type,
            said.sentence,
            recoverable=said.recoverable,
            recovery_suggestions=said.suggestions,
            reference=reference,
        )


def explain(crash: BaseException) -> Explanation:
    """Say what went wrong without showing what an exception's text may give away."""
    while isinstance(crash, BaseExceptionGroup):
        crash = crash.exceptions[0]
    match crash:
        case ClientError():
            return Explanation(
                crash.code, crash.message[:MAX_ERROR], crash.recoverable, (crash.advice,)
            )
        case RecordError():
            return Explanation(
                "unavailable", "What was needed could not be read just now.", True, _ADVICE
            )
        case LogFull():
            return Explanation(
                "log_full", "The agent produced more than could be stored in time.", True, _ADVICE
            )
        case IllegalTransition():
            return Explanation(
                "agent_defect", "The agent reported its steps in an impossible order.", False,
                (_ADVICE[1],),
            )  # fmt: skip
        case TimeoutError() | trio.TooSlowError():
            return Explanation(
                "timeout", "Something the agent waited for took too long.", True, _ADVICE
            )
        case NetraError() | _:
            return Explanation(
                "internal_error", "The agent ran into a fault of its own and could not finish.",
                True, _ADVICE,
            )  # fmt: skip
