from collections.abc import Callable

from netra_actors.agents import Attachment, HistoryMessage, UserMessage
from netra_actors.analyst.reading import MAX_FILE_BYTES
from netra_actors.analyst.source import FILE, SAMPLE, choose

TABLE = "time,feature,model,input,output,cost\n2025-06-25,f,m,1,2,0.5"
Attach = Callable[..., Attachment]


def said(content: str, *attachments: Attachment) -> UserMessage:
    return UserMessage(content=content, message_id="m", thread_id="t", attachments=attachments)


async def test_without_data_it_is_the_sample() -> None:
    source = await choose(said("why?"), ())
    assert (source.origin, source.data, source.words, source.brought) == (
        SAMPLE,
        None,
        "why?",
        False,
    )


async def test_a_pasted_table_counts() -> None:
    source = await choose(said(f"why?\n{TABLE}"), ())
    assert (source.data, source.words, source.first_line) == (TABLE, "why?", 2)
    assert source.brought


async def test_a_file_counts_before_a_pasted_table(attachment: Attach) -> None:
    source = await choose(said(TABLE, attachment("u.csv", b"x"), attachment("v.csv", b"y")), ())
    assert (source.origin, source.data) == (f"{FILE} u.csv", b"x")
    assert "first of your 2 files" in source.notes[0]


async def test_a_file_over_the_limit_is_not_even_read(attachment: Attach) -> None:
    source = await choose(said("", attachment("u.csv", b"", MAX_FILE_BYTES + 1)), ())
    assert source.data is None
    assert source.problem is not None
    assert source.brought


async def test_a_table_from_earlier_in_the_thread_still_counts() -> None:
    history = (
        HistoryMessage(role="user", content=f"old\n{TABLE}"),
        HistoryMessage(role="agent", content="an answer"),
        HistoryMessage(role="user", content="thanks"),
    )
    source = await choose(said("and what can we save?"), history)
    assert source.data == TABLE
    assert "earlier" in source.origin
    assert not source.brought


async def test_after_a_file_the_answer_says_to_attach_it_again() -> None:
    history = (HistoryMessage(role="agent", content=f"This rests on {FILE} u.csv: 3 rows."),)
    source = await choose(said("and what can we save?"), history)
    assert source.origin == SAMPLE
    assert "attach it again" in source.notes[0]
