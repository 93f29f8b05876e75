"""A run: what it says fits the log, and what does not fit becomes a file."""

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from netra_actors.agents import Attachment, HistoryMessage, Run, UserMessage, agent, tool
from netra_actors.agents.run import MAX_INLINE, MAX_STORED
from netra_actors.errors import IllegalTransition, NotFound
from netra_actors.identity import UserID
from netra_actors.log.limits import EventTooLarge
from netra_actors.protocol.events import FileRef, encode_event
from tests.agents.stage import MESSAGE, RUN, THREAD, all_of, only, open_stage
from tests.sessions.world import check_grammar, open_world, types


@tool(purpose="Give back")
async def give(value: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return value


@agent("quoter")
async def quoter(run: Run, message: UserMessage) -> str:
    await run.think("Thinking")
    count, _, word = message.content.partition(" ")
    return f"{word}\n" * int(count)


async def test_a_run_knows_whose_it_is_and_how_long_it_has_worked(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        await trio.sleep(1.5)
        assert (stage.run.run_id, stage.run.thread_id) == (RUN, THREAD)
        assert stage.run.context.user_id == "alice"
        assert stage.run.elapsed_ms == 1_500


async def test_what_is_not_awaited_is_appended_all_the_same(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        stage.run.think("a", step_number=1)
        stage.run.progress(50, current_step=1, total_steps=2, message="half")
        stage.run.custom("mood", {"at": object()})
        stage.run.partial("text", is_complete=True)
        found = await stage.events()
    assert types(found)[2:] == ["agent_thinking", "progress_update", "custom", "partial_result"]
    assert only(found, "custom").data == {"at": "object"}
    assert only(found, "progress_update").percentage == 50
    assert only(found, "partial_result").is_complete
    assert stage.run.said == "text"


async def test_a_partial_over_an_event_becomes_several_that_join_to_it(
    autojump_clock: MockClock,
) -> None:
    text = "\u6f22" * 50_000 + 'a"\n' * 20_000
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.partial(text, is_complete=True)
        found = await stage.events()
    pieces = all_of(found, "partial_result")
    assert len(pieces) > 3
    assert "".join(piece.content for piece in pieces) == text
    assert [piece.is_complete for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert max(len(encode_event(event)) for event in found) <= 65_536


async def test_a_long_partial_may_hold_what_cannot_be_stored(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.partial("\ud800\x00" * 40_000)
        found = await stage.events()
    said = "".join(piece.content for piece in all_of(found, "partial_result"))
    assert said == "\ufffd" * 80_000 == stage.run.said


async def test_an_empty_partial_is_one_event(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.partial("", is_complete=True)
        assert only(await stage.events(), "partial_result").content == ""


@pytest.mark.parametrize(
    ("value", "is_stored"),
    [
        ("x" * (MAX_INLINE - 2), False),
        ("x" * (MAX_INLINE - 1), True),
        ("\n" * (MAX_INLINE // 2), True),
        ([{"row": n, "text": "y" * 40} for n in range(1_000)], True),
    ],
)
async def test_a_large_result_is_a_file_and_the_event_shows_its_beginning(
    value: Any, is_stored: bool, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        assert await stage.run.call(give, value) == value
        found = await stage.events()
    done = only(found, "tool_completed")
    if is_stored:
        body = stage.files["give.json"]
        assert msgspec.json.decode(body) == value
        assert done.result_ref == FileRef("file_1", len(body))
        assert done.result == body.decode()[:500]
    else:
        assert (done.result, done.result_ref, stage.files) == (value, None, {})


async def test_a_large_report_is_a_file(autojump_clock: MockClock) -> None:
    rows = ["line\n"] * 10_000
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await trio.sleep(2)
        await stage.run.report(rows, executive_summary="many", recommendations=["fewer"])
        found = await stage.events()
    told = only(found, "final_report")
    assert msgspec.json.decode(stage.files["report.json"]) == rows
    assert told.report_ref == FileRef("file_1", len(stage.files["report.json"]))
    assert len(told.report) == 500
    assert (told.executive_summary, told.recommendations) == ("many", ["fewer"])
    assert told.total_duration_ms == 2_000


async def test_a_report_is_cleaned_at_every_depth(autojump_clock: MockClock) -> None:
    bad, good = {"a\x00": ["\ud800"]}, {"a\ufffd": ["\ufffd"]}
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.report(
            bad, recommendations=[bad], action_plan=(bad,), cost_analysis=bad, confidence=0.9
        )
        told = only(await stage.events(), "final_report")
    assert (told.report, told.recommendations, told.action_plan, told.cost_analysis) == (
        good,
        [good],
        [good],
        good,
    )


async def test_only_the_end_may_follow_the_report(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        await stage.run.report({"sum": 1})
        with pytest.raises(IllegalTransition):
            stage.run.think("one more thing")
        with pytest.raises(IllegalTransition):
            await stage.run.call(give, 1)


async def test_a_custom_event_over_its_limit_is_refused_and_the_run_goes_on(
    autojump_clock: MockClock,
) -> None:
    async with open_stage() as stage:
        stage.mouth.send_agent_started("tester")
        with pytest.raises(EventTooLarge):
            stage.run.custom("big", "x" * 70_000)
        await stage.run.custom("small", 1)
        assert only(await stage.events(), "custom").name == "small"


@pytest.mark.parametrize(
    ("answer", "is_stored"),
    [
        ("x" * (MAX_INLINE - 2), False),
        ("\n" * (MAX_INLINE // 2 - 1), False),
        ("\n" * (MAX_INLINE // 2), True),
        ("\x01" * (MAX_INLINE // 6 + 1), True),
    ],
)
async def test_an_answer_is_measured_as_it_is_written(
    answer: str, is_stored: bool, autojump_clock: MockClock
) -> None:
    async with open_stage() as stage:
        shown, ref = await stage.run.fit_answer(answer)
    assert (ref is not None) == is_stored
    assert stage.files == ({"answer.txt": answer.encode()} if is_stored else {})
    assert shown == (answer[:500] if is_stored else answer)


async def test_a_stored_answer_is_cut_between_letters(autojump_clock: MockClock) -> None:
    async with open_stage() as stage:
        await stage.run.fit_answer("ab" + "\u6f22" * (MAX_STORED // 3 + 10))
    body = stage.files["answer.txt"]
    assert MAX_STORED - 3 < len(body) <= MAX_STORED
    assert body.decode().startswith("ab\u6f22")


async def test_a_large_answer_is_stored_before_the_terminal_names_it(
    autojump_clock: MockClock,
) -> None:
    async with open_world(quoter) as world:
        await world.send("4500 line")
        await world.send('12000 "')
        found = await world.settle()
        terminals = all_of(found, "agent_completed")
        ref = terminals[1].final_response_ref
        stored = await world.record.file(UserID("alice"), ref.file_id)
    check_grammar(found)
    assert terminals[0].final_response == "line\n" * 4_500
    assert terminals[0].final_response_ref is None
    assert terminals[1].final_response == '"\n' * 250
    assert ref.bytes == 24_000
    assert stored is not None
    assert stored.body == b'"\n' * 12_000


async def test_a_long_stream_that_is_stopped_ends_with_what_fits(
    autojump_clock: MockClock,
) -> None:
    @agent("streamer")
    async def streamer(run: Run, message: UserMessage) -> str:
        for _ in range(100):
            await run.partial('"\n' * 1_024)
        await trio.sleep_forever()
        return ""

    async with open_world(streamer) as world:
        run_id = (await world.send())["run_id"]
        await trio.sleep(5)
        await world.ask({"type": "stop_agent", "run_id": run_id})
        found = await world.settle()
    check_grammar(found)
    said = "".join(piece.content for piece in all_of(found, "partial_result"))
    assert len(said) == 204_800
    terminal = only(found, "agent_completed")
    assert terminal.status == "cancelled"
    assert said.startswith(terminal.final_response)
    assert len(terminal.final_response) == MAX_INLINE // 2
    assert len(encode_event(found[-1])) < 65_536


async def test_an_agent_reads_what_came_with_the_message(autojump_clock: MockClock) -> None:
    async def body() -> bytes:
        await trio.lowlevel.checkpoint()
        return b"1,2"

    async def gone() -> bytes:
        await trio.lowlevel.checkpoint()
        raise NotFound("it was deleted")

    table = Attachment("file_1", "table.csv", 3, body)
    asked = UserMessage(content="sum", message_id=MESSAGE, thread_id=THREAD, attachments=(table,))
    assert await asked.attachments[0].read() == b"1,2"
    assert "body" not in repr(asked)
    assert table == Attachment("file_1", "table.csv", 3, gone)
    with pytest.raises(NotFound):
        await Attachment("file_1", "table.csv", 3, gone).read()


async def test_an_agent_is_given_what_was_said_before(autojump_clock: MockClock) -> None:
    seen: list[tuple[HistoryMessage, ...]] = []

    @agent("echo")
    async def echo(run: Run, message: UserMessage) -> str:
        await trio.lowlevel.checkpoint()
        seen.append(run.history)
        return f"you said {message.content}"

    async with open_world(echo) as world:
        thread_id = (await world.send("one"))["thread_id"]
        await world.settle()
        await world.send("two", thread_id=thread_id)
        await world.settle()
    assert seen[0] == ()
    assert seen[1] == (
        HistoryMessage(role="user", content="one"),
        HistoryMessage(role="agent", content="you said one"),
    )
