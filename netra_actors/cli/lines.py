"""Events in words: one line each, safe to print on a terminal."""

import re
from datetime import UTC, datetime
from typing import Final

from netra_actors.protocol import events as e

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHOWN_CHARS: Final = 120


def printable(text: str) -> str:
    """Return *text* without control characters: what an agent says must not drive a terminal."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the beginning of *text* in one line."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= _SHOWN_CHARS else f"{flat[: _SHOWN_CHARS - 1]}…"


def log_line(event: e.Event) -> str:
    """Return the line that `tail` prints: time, seq, type, run, and what it says."""
    at = datetime.fromtimestamp(event.timestamp / 1000, UTC).astimezone()
    said = says(event)
    line = f"{at:%H:%M:%S.%f}"[:-3] + f" {event.seq:>7} {event.type:<19} {event.run_id or '-'}"
    return f"{line}  {said}" if said else line


def says(event: e.Event) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of the event types
    """Return what *event* says, in one line; empty when its type says it all."""
    match event.payload:
        case e.UserMessage(content=text) | e.PartialResult(content=text):
            return one_line(text)
        case e.AgentThinking(thought=text):
            return one_line(text)
        case e.AgentStarted(agent_name=name):
            return one_line(name)
        case e.ToolExecuting(tool_name=name, tool_purpose=purpose):
            return one_line(f"{name}: {purpose}")
        case e.ToolCompleted(tool_name=name, status=status, execution_time_ms=ms, error=error):
            return one_line(f"{name} {status}, {seconds(ms)}{f': {error}' if error else ''}")
        case e.SubagentStarted(subagent_name=name):
            return one_line(name)
        case e.SubagentCompleted(subagent_name=name, status=sub_status):
            return one_line(f"{name} {sub_status or ''}")
        case e.ProgressUpdate(percentage=percentage, message=note):
            share = "" if percentage is None else f"{percentage:.0f} % "
            return one_line(f"{share}{note or ''}")
        case e.FinalReport(executive_summary=summary):
            return one_line(summary or "")
        case e.AgentError(user_friendly_message=text, reference=reference):
            return one_line(f"{text} (reference {reference})")
        case e.RunCancelling(by=by, reason=reason):
            return one_line(f"by {by}{f': {reason}' if reason else ''}")
        case e.AgentCompleted(status=run_status, duration_ms=ms):
            return f"{run_status}, {seconds(ms)}"
        case e.RunQueued(place=place):
            return f"place {place}"
        case e.ThreadCreated(title=title) | e.ThreadRenamed(title=title):
            return one_line(title)
        case e.Custom(name=name):
            return one_line(name)
    return ""


def seconds(ms: int) -> str:
    """Return a duration for people."""
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
