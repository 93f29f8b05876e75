from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from netra_actors.client.asking import RunFilter
from netra_actors.protocol.events import AgentCompleted, AgentStarted, Custom, Event, Payload


def event(payload: Payload, **fields: Any) -> Event:
    return Event(type=payload.type, seq=1, timestamp=0, payload=payload, **fields)


END = AgentCompleted(status="completed", duration_ms=0, metrics={})
NOTE = Custom(name="n")


def test_events_of_the_message_and_of_runs_below_its_run_belong_to_it() -> None:
    run = RunFilter("msg_1", run_id="run_1")
    assert run.accepts(event(NOTE, run_id="run_1", message_id="msg_1"))
    assert run.accepts(event(NOTE, run_id="run_2", parent_run_id="run_1"))
    assert run.accepts(event(NOTE, run_id="run_3", parent_run_id="run_2"))
    assert not run.accepts(event(NOTE, run_id="run_8", message_id="msg_8"))
    assert not run.accepts(event(NOTE))


def test_the_run_is_known_from_its_events_when_no_answer_said_it() -> None:
    run = RunFilter("msg_1")
    run.accepts(event(AgentStarted(agent_name="a"), run_id="run_1", message_id="msg_1"))
    assert run.run_id == "run_1"


def test_only_its_own_terminal_ends_it() -> None:
    run = RunFilter("msg_1", run_id="run_1")
    run.accepts(event(END, run_id="run_2", parent_run_id="run_1", message_id="msg_1"))
    assert run.terminal is None
    run.accepts(event(END, run_id="run_8", message_id="msg_8"))
    assert run.terminal is None
    run.accepts(event(END, run_id="run_1", message_id="msg_1"))
    assert run.terminal is END


@given(st.lists(st.sampled_from(["run_7", "run_8", "run_9"]), max_size=20))
def test_whatever_other_runs_do_nothing_of_it_gets_in(others: list[str]) -> None:
    run = RunFilter("msg_1", run_id="run_1")
    run.accepts(event(NOTE, run_id="run_1", message_id="msg_1"))
    for other in others:
        assert not run.accepts(event(END, run_id=other, message_id=f"msg_of_{other}"))
    assert run.terminal is None
