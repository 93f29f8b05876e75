from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from netra_actors.agents import AgentRegistry, Attachment, HistoryMessage
from netra_actors.analyst import analyst

Ask = Callable[..., Awaitable[Any]]
HEADER = "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status"
ROW = "2025-06-25T12:00:00Z,u,f,m,10,20,300,0.5,success"

SPOKEN = [
    "why did cost rise last week?", "hello", "sing me a song", f"look:\n{HEADER}\n{ROW}",
    f"{HEADER}\nbroken", "1,2,3,4\n5,6,7,8", HEADER,
]  # fmt: skip


@pytest.mark.parametrize("content", SPOKEN)
async def test_every_conversation_keeps_its_promises_and_streams_its_answer(
    ask: Ask, content: str
) -> None:
    talk = await ask(content)
    assert talk.missing == []
    mine = {event.run_id for event in talk.events if event.type == "user_message"}
    partials = [
        event.payload
        for event in talk.events
        if event.type == "partial_result" and event.run_id in mine
    ]
    assert "".join(partial.content for partial in partials) == talk.answer
    assert [partial.is_complete for partial in partials] == [False] * (len(partials) - 1) + [True]
    assert talk.report.executive_summary
    assert talk.events[-1].type == "agent_completed"
    assert talk.events[-1].payload.final_response == talk.answer


async def test_an_analysis_goes_its_way_step_by_step(ask: Ask) -> None:
    talk = await ask("what can we save?")
    assert {payload.agent_name for payload in talk.of("agent_started")} == {
        "analyst", "cost_analyst", "latency_analyst",
    }  # fmt: skip
    kinds = [event.type for event in talk.events]
    starts = [place for place, kind in enumerate(kinds) if kind == "subagent_started"]
    assert starts[1] == starts[0] + 1
    tools = [payload.tool_name for payload in talk.of("tool_executing")]
    assert tools[:2] == ["load_usage", "understand_question"]
    assert sorted(tools[2:-2]) == [
        "explain_change", "find_anomalies", "find_anomalies", "profile_costs", "profile_latency",
    ]  # fmt: skip
    assert tools[-2:] == ["compare_models", "project_savings"]
    assert {payload.status for payload in talk.of("tool_completed")} == {"success"}
    steps = [payload.step_number for payload in talk.of("agent_thinking") if payload.step_number]
    assert steps == [1, 2, 3, 4, 5, 6]


async def test_the_report_says_what_the_answer_says(ask: Ask) -> None:
    talk = await ask("what can we save?")
    saving = talk.report.recommendations[0]["saving_usd_per_month"]
    assert f"${saving}" in talk.answer
    assert talk.report.cost_analysis["monthly_saving_proven"] == 194.34
    assert talk.report.report["savings"]["savings"][0]["inputs"]["calls"] == 1186


async def test_an_uploaded_file_is_analysed(
    ask: Ask, attachment: Callable[..., Attachment]
) -> None:
    body = f"{HEADER}\r\n{ROW}\r\nbad\r\n{ROW}".encode()
    talk = await ask("overview", attachments=(attachment("usage.csv", body),))
    assert "2 calls cost $1.00" in talk.answer
    assert "your file usage.csv" in talk.answer
    assert "- line 3: has 1 fields" in talk.answer


async def test_an_unreadable_file_is_a_failed_tool_and_a_helpful_answer(
    ask: Ask, attachment: Callable[..., Attachment]
) -> None:
    talk = await ask("", attachments=(attachment("book.xlsx", b"PK\x03\x04..."),))
    assert "save it as CSV" in talk.answer
    (tool,) = talk.of("tool_completed")
    assert tool.status == "error"
    assert talk.report.report["problem"].startswith("the file is a zip")


async def test_a_file_over_the_limit_is_answered_too(
    ask: Ask, attachment: Callable[..., Attachment]
) -> None:
    talk = await ask("", attachments=(attachment("big.csv", b"", 6_000_000),))
    assert "up to 5 MB" in talk.answer


async def test_data_pasted_before_is_what_a_follow_up_is_about(ask: Ask) -> None:
    history = (HistoryMessage(role="user", content=f"{HEADER}\n{ROW}"),)
    talk = await ask("what can we save?", history=history)
    assert "rows you pasted earlier" in talk.answer


async def test_a_greeting_calls_one_tool_to_understand_and_starts_nobody(ask: Ask) -> None:
    talk = await ask("hello")
    assert [payload.tool_name for payload in talk.of("tool_executing")] == [
        "load_usage", "understand_question",
    ]  # fmt: skip
    assert talk.of("subagent_started") == []


def test_the_analyst_is_the_default_agent_and_its_helpers_cannot_be_asked() -> None:
    registry = AgentRegistry.load([])
    assert registry.get(None) is analyst
    assert set(registry.agents) == {"analyst"}
