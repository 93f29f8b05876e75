"""A run on the terminal while it happens: thoughts, tools, text as it comes, the report."""

from collections.abc import Mapping
from typing import Any, Final, final

import attrs
from rich.console import Console
from rich.text import Text

from netra_actors.cli.lines import one_line, printable, says, seconds
from netra_actors.protocol import events as e

_MARKS: Final = {"success": ("✓", "green"), "error": ("✗", "red")}
_INDENT: Final = "  "


@final
@attrs.define(eq=False)
class Painter:
    """Prints the events of one answer after the other."""

    console: Console
    _in_text: bool = attrs.field(default=False, init=False)
    _streamed: bool = attrs.field(default=False, init=False)
    _depth: dict[str, int] = attrs.field(factory=dict, init=False)

    def begin(self) -> None:
        """A new answer begins."""
        self._streamed = False
        self._depth.clear()

    def note(self, text: str, style: str = "dim") -> None:
        """Print a line beside the answer."""
        self._break_text()
        self.console.print(Text(printable(text), style=style))

    def paint(self, event: e.Event) -> None:
        """Print *event*, if it says something to a person."""
        indent = self._indent(event)
        match event.payload:
            case e.PartialResult(content=text) if not indent:
                self._stream(text)
            case e.AgentThinking():
                self.note(f"{indent}· {says(event)}")
            case e.ToolExecuting():
                self.note(f"{indent}▸ {says(event)}", "cyan")
            case e.ToolCompleted(tool_name=name, status=status, execution_time_ms=ms):
                mark, color = _MARKS.get(status, ("-", "yellow"))
                problem = f": {event.payload.error}" if event.payload.error else ""
                self.note(indent + one_line(f"{mark} {name} {seconds(ms)}{problem}"), color)
            case e.SubagentStarted() | e.RunQueued() | e.RunCancelling():
                self.note(f"{indent}» {event.type.replace('_', ' ')}: {says(event)}")
            case e.AgentError(user_friendly_message=text, recovery_suggestions=advice):
                self.note(text, "bold red")
                for suggestion in advice:
                    self.note(f"  - {suggestion}", "red")
            case e.FinalReport() if not indent:
                self._report(event.payload)
            case e.AgentCompleted() if not indent:
                self._end(event.payload)

    def _indent(self, event: e.Event) -> str:
        run_id, parent = event.run_id or "", event.parent_run_id
        if run_id not in self._depth:
            self._depth[run_id] = 0 if parent is None else self._depth.get(parent, 0) + 1
        return _INDENT * self._depth[run_id]

    def _stream(self, text: str) -> None:
        self._in_text = self._streamed = True
        self.console.print(
            Text(printable(text)), end="", soft_wrap=True, highlight=False, markup=False
        )

    def _break_text(self) -> None:
        if self._in_text:
            self.console.print()
            self._in_text = False

    def _report(self, report: e.FinalReport) -> None:
        self._break_text()
        if report.executive_summary:
            self.note("\nIn short", "bold")
            self.note(report.executive_summary, "")
        for title, items in (
            ("Recommendations", report.recommendations),
            ("Plan", report.action_plan),
        ):
            if items:
                self.note(f"\n{title}", "bold")
            for item in items:
                self.note(f"  - {_wording(item)}", "")

    def _end(self, terminal: e.AgentCompleted) -> None:
        if terminal.final_response and not self._streamed:
            self._stream(terminal.final_response)
        self._break_text()
        style = "dim" if terminal.status == "completed" else "yellow"
        self.note(f"({terminal.status}, {seconds(terminal.duration_ms)})", style)


def _wording(item: Any) -> str:
    """Return an entry of a report in words: agents give text or objects."""
    if isinstance(item, Mapping):
        first = [item[key] for key in ("title", "action", "recommendation", "text") if key in item]
        return printable(
            str(first[0] if first else ", ".join(f"{k}: {v}" for k, v in item.items()))
        )
    return printable(str(item))
