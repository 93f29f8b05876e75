from collections.abc import Callable

import pytest

from netra_actors.cli.lines import log_line, one_line, printable, says, seconds
from netra_actors.protocol import events as e

Make = Callable[..., e.Event]


def test_what_an_agent_says_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[31mred\x07\r\nb\tc\x9b2J") == "a[31mred\nb\tc2J"


def test_a_long_text_becomes_the_beginning_of_one_line() -> None:
    assert one_line("a\n b") == "a b"
    assert len(one_line("x" * 500)) == 120


@pytest.mark.parametrize(("ms", "text"), [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s")])
def test_durations_are_for_people(ms: int, text: str) -> None:
    assert seconds(ms) == text


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (e.AgentThinking(thought="hm", urgency="low"), "hm"),
        (e.ToolExecuting(call_id="c", tool_name="t", tool_purpose="p", parameters={}), "t: p"),
        (
            e.ToolCompleted(call_id="c", tool_name="t", status="error", execution_time_ms=5,
                            error="no"),
            "t error, 5 ms: no",
        ),
        (e.ProgressUpdate(percentage=50.0, message="half"), "50 % half"),
        (e.SubagentStarted(subagent_run_id="r", subagent_name="s"), "s"),
        (e.SubagentCompleted(subagent_run_id="r", subagent_name="s", status="failed"), "s failed"),
        (e.RunCancelling(by="cli", reason="why"), "by cli: why"),
        (e.AgentCompleted(status="failed", duration_ms=1, metrics={}), "failed, 1 ms"),
        (e.RunQueued(place=2), "place 2"),
        (e.ThreadRenamed(title="Costs"), "Costs"),
        (e.Unknown(), ""),
        (
            e.AgentError(error_type="x", user_friendly_message="sorry", recoverable=True,
                         recovery_suggestions=[], reference="ref_1"),
            "sorry (reference ref_1)",
        ),
    ],
)  # fmt: skip
def test_each_event_says_something_in_one_line(
    make_event: Make, payload: e.Payload, said: str
) -> None:
    assert says(make_event(payload)) == said


def test_a_log_line_has_seq_type_and_run(make_event: Make) -> None:
    line = log_line(make_event(e.AgentStarted(agent_name="analyst")))
    assert line.split()[1:] == ["1", "agent_started", "run_1", "analyst"]
