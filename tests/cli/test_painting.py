import io
from collections.abc import Callable

import pytest
from rich.console import Console

from netra_actors.cli.painting import Painter
from netra_actors.protocol import events as e

Make = Callable[..., e.Event]


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def painter(screen: io.StringIO) -> Painter:
    return Painter(Console(file=screen, width=200, highlight=False))


def test_a_run_is_told_as_it_happens(
    painter: Painter, screen: io.StringIO, make_event: Make
) -> None:
    painter.begin()
    for payload in (
        e.AgentThinking(thought="Reading.", urgency="low"),
        e.ToolExecuting(call_id="c", tool_name="load", tool_purpose="read", parameters={}),
        e.ToolCompleted(call_id="c", tool_name="load", status="success", execution_time_ms=1200),
        e.PartialResult(content="It is ", is_complete=False),
        e.PartialResult(content="[bold]fine[/bold].", is_complete=True),
        e.FinalReport(recommendations=["Rest", {"title": "Sleep"}], action_plan=[],
                      executive_summary="All is well.", total_duration_ms=5),
        e.AgentCompleted(status="completed", duration_ms=1300, metrics={}, final_response="It is"),
    ):  # fmt: skip
        painter.paint(make_event(payload))
    assert screen.getvalue().splitlines() == [
        "· Reading.", "▸ load: read", "✓ load 1.2 s", "It is [bold]fine[/bold].", "", "In short",
        "All is well.", "", "Recommendations", "  - Rest", "  - Sleep", "(completed, 1.3 s)",
    ]  # fmt: skip


def test_an_answer_that_was_not_streamed_is_printed_at_the_end(
    painter: Painter, screen: io.StringIO, make_event: Make
) -> None:
    end = e.AgentCompleted(status="completed", duration_ms=1, metrics={}, final_response="42")
    painter.paint(make_event(end))
    assert screen.getvalue() == "42\n(completed, 1 ms)\n"


def test_sub_runs_are_indented_and_their_text_is_their_own(
    painter: Painter, screen: io.StringIO, make_event: Make
) -> None:
    painter.paint(make_event(e.SubagentStarted(subagent_run_id="run_2", subagent_name="s")))
    sub = ("run_2", "run_1")
    painter.paint(make_event(e.AgentThinking(thought="Adding.", urgency="low"), *sub))
    painter.paint(make_event(e.PartialResult(content="hidden", is_complete=False), *sub))
    assert screen.getvalue().splitlines() == ["» subagent started: s", "  · Adding."]


def test_a_failure_says_what_to_do(painter: Painter, screen: io.StringIO, make_event: Make) -> None:
    painter.paint(make_event(e.AgentError(
        error_type="x", user_friendly_message="It broke.", recoverable=True,
        recovery_suggestions=["Try again"], reference="r",
    )))  # fmt: skip
    assert screen.getvalue() == "It broke.\n  - Try again\n"
