import json
from typing import Any

import attrs
import msgspec
import pytest

from netra_actors.identity import RunID, ThreadID, UserID
from netra_actors.log.port import Append, SessionRow
from netra_actors.protocol.commands import StopAgent
from netra_actors.protocol.events import (
    AgentCompleted,
    AgentStarted,
    Event,
    PartialResult,
    Payload,
    SubagentCompleted,
    SubagentStarted,
    ThreadCreated,
    UserMessage,
    encode_event,
)
from netra_actors.record.memory import MemoryRecord
from netra_actors.web.api.runs import Picker
from tests.web.conftest import Site

ALICE = UserID("alice")


def script() -> list[Event]:
    """Return a log in which run_a has a sub-run with a sub-run, and run_b runs beside it."""
    done = AgentCompleted(status="completed", final_response="x", duration_ms=1, metrics={})
    said = PartialResult(content="é", is_complete=False)

    def sub(name: str) -> SubagentStarted:
        return SubagentStarted(subagent_run_id=name, subagent_name="s")

    def sub_done(name: str) -> SubagentCompleted:
        return SubagentCompleted(subagent_run_id=name, subagent_name="s", status="completed")

    asked = UserMessage(content="hi", priority="normal", policy="enqueue")
    begun = AgentStarted(agent_name="a")
    steps: list[tuple[Payload, str | None, str | None]] = [
        (ThreadCreated(title="t"), None, None),
        (asked, "run_a", None),
        (begun, "run_a", None),
        (asked, "run_b", None),
        (begun, "run_b", None),
        (sub("run_s"), "run_a", None),
        (begun, "run_s", "run_a"),
        (said, "run_b", None),
        (sub("run_t"), "run_s", "run_a"),
        (begun, "run_t", "run_s"),
        (done, "run_t", "run_s"),
        (sub_done("run_t"), "run_s", "run_a"),
        (done, "run_s", "run_a"),
        (sub_done("run_s"), "run_a", None),
        (done, "run_a", None),
        (done, "run_b", None),
    ]
    return [
        Event(
            type=payload.type,
            seq=seq,
            timestamp=1000 + seq,
            thread_id="thr_1",
            run_id=run_id,
            parent_run_id=parent,
            message_id=f"m_{run_id}",
            payload=payload,
        )
        for seq, (payload, run_id, parent) in enumerate(steps, start=1)
    ]


async def store(site: Site, events: list[Event]) -> None:
    for seq, event in enumerate(events, start=1):
        await site.worker.record.commit([
            Append(
                user_id=ALICE,
                epoch="e_1",
                term=1,
                takes_term=seq == 1,
                seq_from=seq,
                seq_to=seq,
                body=encode_event(event) + b"\n",
                events=(event,),
            )
        ])


async def test_a_run_is_stopped_by_its_path(site: Site) -> None:
    site.worker.directory.fields = {"stopped": ["run_1"], "at": 9}
    response = await site.client.post("/api/runs/run_1/cancel", headers=site.bearer())
    assert response.status_code == 202
    assert json.loads(await response.get_data()) == {"stopped": ["run_1"], "at": 9}
    assert site.commands == [StopAgent(run_id="run_1")]


async def test_a_runs_events_are_those_of_the_log_byte_for_byte(site: Site) -> None:
    events = script()
    await store(site, events)
    response = await site.client.get("/api/runs/run_a/events", headers=site.bearer())
    family = {"run_a", "run_s", "run_t"}
    expected = b",".join(encode_event(event) for event in events if event.run_id in family)
    assert await response.get_data() == b'{"events":[' + expected + b'],"next_after":null}'


async def test_a_sub_run_alone_can_be_read_too(site: Site) -> None:
    await store(site, script())
    response = await site.client.get("/api/runs/run_s/events", headers=site.bearer())
    events = json.loads(await response.get_data())["events"]
    assert {event["run_id"] for event in events} == {"run_s", "run_t"}


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
async def test_pages_joined_are_the_whole(site: Site, limit: int) -> None:
    await store(site, script())
    seen, after = [], 0
    while True:
        response = await site.client.get(
            f"/api/runs/run_a/events?after={after}&limit={limit}", headers=site.bearer()
        )
        page = json.loads(await response.get_data())
        assert len(page["events"]) <= limit
        seen += [event["seq"] for event in page["events"]]
        if page["next_after"] is None:
            break
        after = page["next_after"]
    assert seen == [event.seq for event in script() if event.run_id in {"run_a", "run_s", "run_t"}]


async def test_an_open_run_is_read_up_to_the_head(site: Site) -> None:
    await store(site, script()[:9])
    response = await site.client.get("/api/runs/run_a/events", headers=site.bearer())
    events = json.loads(await response.get_data())["events"]
    assert [event["seq"] for event in events] == [2, 3, 6, 7, 9]


class Trimmed:
    """A record whose oldest events are no longer kept."""

    def __init__(self, record: MemoryRecord, tail: int) -> None:
        self._record = record
        self._tail = tail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)

    async def session(self, user_id: UserID) -> SessionRow | None:
        row = await self._record.session(user_id)
        return None if row is None else attrs.evolve(row, tail=self._tail)


@pytest.mark.parametrize(("tail", "status"), [(1, 200), (2, 410), (9, 410)])
async def test_a_run_whose_beginning_is_no_longer_kept_is_gone(
    site: Site, tail: int, status: int
) -> None:
    await store(site, script())
    site.worker.record = Trimmed(site.worker.record, tail)  # type: ignore[assignment]
    response = await site.client.get("/api/runs/run_a/events", headers=site.bearer())
    assert response.status_code == status


async def test_anothers_run_does_not_exist(site: Site) -> None:
    await store(site, script())
    response = await site.client.get("/api/runs/run_a/events", headers=site.bearer("bob"))
    assert response.status_code == 404
    assert json.loads(await response.get_data())["error"] == "not_found"


def test_an_answer_has_a_bound_but_always_one_event() -> None:
    picker = Picker(after=0, limit=100)
    big = b"x" * (5 * 1024 * 1024)
    assert picker.take(1, big)
    assert not picker.take(2, b"{}")
    assert (picker.next_after, picker.lines) == (1, [big])


def test_the_fields_that_are_read_of_a_line_are_those_of_an_event() -> None:
    line = msgspec.json.decode(encode_event(script()[6]))
    assert (line["run_id"], line["parent_run_id"], line["seq"]) == ("run_s", "run_a", 7)
    assert RunID(line["run_id"])
    assert ThreadID(line["thread_id"])
