from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol.open_run import OpenRun, TextTail
from netra_actors.protocol.text import last_bytes

clean = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(clean), st.integers(0, 60))
def test_it_does_not_matter_how_a_text_was_split(pieces: list[str], size: int) -> None:
    tail, whole = TextTail(), TextTail()
    for piece in pieces:
        tail.append(piece, size)
        assert tail.size_bytes == len(str(tail).encode()) <= size
    whole.append("".join(pieces), size)
    assert str(tail) == str(whole) == last_bytes("".join(pieces), size)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["é" * 700, "ab", "😀" * 90]), st.integers(0, 4_000))))
def test_a_bound_may_rise_and_fall(steps: list[tuple[str, int]]) -> None:
    tail, expected = TextTail(), ""
    for text, size in steps:
        tail.append(text, size)
        expected = last_bytes(expected + text, size)
        assert str(tail) == expected


def test_many_small_pieces_are_few_objects() -> None:
    tail = TextTail()
    for _ in range(10_000):
        tail.append("abc", 20_000)
    assert tail.size_bytes == 20_000
    assert len(tail._pieces) < 30


def _run() -> OpenRun:
    return OpenRun(run_id="r", thread_id="t", parent_run_id=None, message_id="m")


def test_steps_are_bounded_and_ended_by_their_call() -> None:
    run = _run()
    run.add_step("tool", "n" * 201, max_steps=3, call_id="c1", purpose="p" * 201)
    run.add_step("thinking", "hm", max_steps=3)
    run.add_step("tool", "again", max_steps=3, call_id="c1", purpose="p")
    run.end_step("c1", "success", 5)
    assert [(step.status, step.duration_ms) for step in run.steps] == [
        ("running", None),
        ("done", None),
        ("success", 5),
    ]
    assert (run.steps[0].name, run.steps[0].purpose) == ("n" * 200, "p" * 200)
    run.end_step("c1", "error", 6)
    run.end_step("c1", "unknown", 7)
    assert run.steps[0].status == "error"
    run.add_step("subagent", "s", max_steps=2, call_id="sub")
    assert [step.kind for step in run.steps] == ["tool", "subagent"]
    run.end_step("gone", "success", 1)


def test_a_run_comes_back_from_its_view() -> None:
    run = _run()
    run.agent_name, run.state, run.place = "analyst", "cancelling", 3
    run.text.append("ab€", 100)
    run.add_step("thinking", "hm", max_steps=5)
    again = OpenRun.from_view(run.view())
    assert again.view() == run.view()
    again.text.append("x", 4)
    assert str(again.text) == "€x"
    assert OpenRun.from_view(_run().view()).view() == _run().view()
