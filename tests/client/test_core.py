import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.client.actions import (
    Action,
    Answered,
    Applied,
    Complaint,
    Connected,
    Drop,
    Failed,
    Live,
    RenewToken,
    SnapshotTaken,
    Typing,
)
from netra_actors.client.core import GRACE_S, Core
from netra_actors.errors import Conflict
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.state import State


def welcome(mode: str = "fresh", epoch: str = "e_1", head: int = 0) -> str:
    return json.dumps({
        "type": "welcome", "connection_id": "conn_1", "user_id": "u-17", "epoch": epoch,
        "head": head, "mode": mode, "heartbeat_s": 25, "expires_in_s": 3600, "plan": "mid",
        "limits": {"max_message_bytes": 8192, "window_bytes": 1048576}, "server_time": 0,
    })  # fmt: skip


def event(seq: int, *, seq_from: int | None = None, kind: str = "custom") -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": kind, "seq": seq, "timestamp": seq, "run_id": "r", "payload": {"name": str(seq)},
    }  # fmt: skip
    if seq_from is not None:
        body |= {
            "type": "partial_result",
            "seq_from": seq_from,
            "payload": {"content": "x", "is_complete": False},
        }
    return body


def frame(*events: dict[str, Any]) -> str:
    return json.dumps(events[0] if len(events) == 1 else events)


def applied(actions: list[Action]) -> list[int]:
    return [action.event.seq for action in actions if isinstance(action, Applied)]


def opened(core: Core | None = None, mode: str = "fresh", now: float = 0.0) -> Core:
    core = core or Core()
    core.opened(now=now, device=None, thread_id=None)
    core.receive(welcome(mode), now=now)
    return core


def at(seq: int, epoch: str = "e_1") -> Core:
    return opened(Core(state=State(seq), cursor=Cursor(epoch=epoch, seq=seq)), "resumed")


def sent(core: Core, now: float = 0.0) -> list[dict[str, Any]]:
    return [json.loads(text) for text in core.outgoing(now=now)]


def test_hello_carries_cursor_device_and_thread() -> None:
    core = Core(cursor=Cursor(epoch="e_1", seq=7))
    assert json.loads(core.opened(now=0, device="phone", thread_id="thr_1")) == {
        "type": "hello",
        "cursor": {"epoch": "e_1", "seq": 7},
        "device": "phone",
        "thread_id": "thr_1",
    }


def test_a_client_without_state_says_no_cursor() -> None:
    assert json.loads(Core().opened(now=0, device=None, thread_id=None)) == {"type": "hello"}


def test_events_apply_one_after_the_other_single_or_in_arrays() -> None:
    core = opened()
    assert applied(core.receive(frame(event(1)), now=0)) == [1]
    assert applied(core.receive(frame(event(2), event(3)), now=0)) == [2, 3]
    assert core.cursor == Cursor(epoch="e_1", seq=3)
    assert core.state.applied == 3


def test_a_merged_event_applies_only_on_top_of_the_one_before_it() -> None:
    core = at(4)
    assert applied(core.receive(frame(event(9, seq_from=6)), now=0)) == []
    core = at(5)
    [action] = core.receive(frame(event(9, seq_from=6)), now=0)
    assert isinstance(action, Applied)
    assert (action.seq_from, action.event.seq, core.applied) == (6, 9, 9)


def test_duplicates_are_dropped() -> None:
    core = at(5)
    assert core.receive(frame(event(4), event(5), event(6)), now=0) != []
    assert core.applied == 6


def test_an_unknown_type_counts_as_applied() -> None:
    core = at(5)
    assert applied(core.receive(frame(event(6, kind="hologram")), now=0)) == [6]


def test_the_first_hole_asks_again_and_what_was_under_way_does_no_harm() -> None:
    core = at(5)
    assert core.receive(frame(event(7)), now=1) == []
    assert core.send_at == -math.inf
    assert sent(core) == [{"type": "resync", "from": 5}]
    assert core.receive(frame(event(8)), now=1) == []
    assert sent(core) == []
    assert applied(core.receive(frame(event(6), event(7), event(8)), now=2)) == [6, 7, 8]


def test_the_second_hole_on_a_connection_drops_it() -> None:
    core = at(5)
    core.receive(frame(event(7)), now=1)
    core.receive(frame(event(6)), now=1)
    [action] = core.receive(frame(event(9)), now=1)
    assert isinstance(action, Drop)


def test_a_resync_that_is_not_answered_gives_the_connection_up() -> None:
    core = at(5)
    core.receive(frame(event(7)), now=1)
    core.receive(frame(event(8)), now=2)
    assert core.give_up_at == 1 + GRACE_S


def test_a_new_connection_may_ask_again() -> None:
    core = at(5)
    core.receive(frame(event(7)), now=1)
    core = opened(core, "resumed")
    assert core.receive(frame(event(7)), now=1) == []
    assert sent(core) == [{"type": "resync", "from": 5}]


@pytest.mark.parametrize("body", [{"type": "heartbeat", "head": 9}, {"type": "pong", "nonce": 1}])
def test_what_was_written_to_this_connection_and_not_applied_is_a_hole(
    body: dict[str, Any],
) -> None:
    core = at(5)
    core.receive(json.dumps({**body, "sent": 5}), now=0)
    assert sent(core) == []
    if body["type"] == "heartbeat":
        core.receive(json.dumps({**body, "sent": 6}), now=0)
        assert sent(core) == [{"type": "resync", "from": 5}]


def test_a_backlog_is_no_hole() -> None:
    core = at(5)
    core.receive(json.dumps({"type": "heartbeat", "head": 5000, "sent": 5}), now=0)
    assert sent(core) == []


def test_replay_end_beyond_what_is_applied_is_a_hole() -> None:
    core = at(5)
    core.receive(json.dumps({"type": "replay_end", "seq": 6}), now=0)
    assert sent(core) == [{"type": "resync", "from": 5}]


def test_replay_end_says_that_what_follows_is_live() -> None:
    assert at(5).receive(json.dumps({"type": "replay_end", "seq": 5}), now=0) == [Live(5)]


def test_a_snapshot_replaces_the_state_and_carries_the_epoch_of_its_welcome() -> None:
    core = Core(state=State(90), cursor=Cursor(epoch="e_old", seq=90))
    core.opened(now=0, device=None, thread_id=None)
    [connected] = core.receive(welcome("snapshot", epoch="e_new"), now=0)
    assert isinstance(connected, Connected)
    assert core.cursor == Cursor(epoch="e_old", seq=90)
    empty = State().snapshot()
    assert core.receive(json.dumps({"type": "snapshot", "at": 40, "state": empty}), now=0) == [
        SnapshotTaken(at=40, after=90)
    ]
    assert core.cursor == Cursor(epoch="e_new", seq=40)
    assert applied(core.receive(frame(event(41)), now=0)) == [41]


def test_a_fresh_log_forgets_what_was_before() -> None:
    core = Core(state=State(90), cursor=Cursor(epoch="e_old", seq=90))
    core.opened(now=0, device=None, thread_id=None)
    assert core.receive(welcome("fresh", epoch="e_new"), now=0)[1:] == [SnapshotTaken(0, 90)]
    assert core.cursor == Cursor(epoch="e_new", seq=0)


def test_resuming_a_log_that_is_not_ours_drops_connection_and_cursor() -> None:
    core = Core(state=State(9), cursor=Cursor(epoch="e_old", seq=9))
    core.opened(now=0, device=None, thread_id=None)
    actions = core.receive(welcome("resumed", epoch="e_new"), now=0)
    assert isinstance(actions[-1], Drop)
    assert core.cursor is None


def test_a_fold_that_throws_stops_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_self: State, _event: object) -> None:
        raise KeyError("run_9")

    core = at(5)
    monkeypatch.setattr(State, "apply", explode)
    [action] = core.receive(frame(event(6), event(7)), now=0)
    assert isinstance(action, Failed)
    assert "event 6" in str(action.error)
    assert isinstance(action.error.__cause__, KeyError)
    assert core.applied == 5


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nonsense", Drop),
        ("", Drop),
        (b"\xff", Drop),
        ('{"type":"custom","seq":"six"}', Failed),
        ('{"type":"snapshot","at":3,"state":[]}', Failed),
        ('{"type":"welcome"}', Drop),
    ],
)
def test_what_is_not_of_this_protocol_ends_the_connection_or_the_session(
    text: str | bytes, kind: type
) -> None:
    [action] = at(5).receive(text, now=0)
    assert isinstance(action, kind)


def test_events_before_the_log_is_known_drop_the_connection() -> None:
    core = Core()
    core.opened(now=0, device=None, thread_id=None)
    [action] = core.receive(frame(event(1)), now=0)
    assert isinstance(action, Drop)


def test_silence_for_the_heartbeat_and_eight_seconds_gives_the_connection_up() -> None:
    core = at(5)
    assert core.give_up_at == 33
    core.receive(json.dumps({"type": "heartbeat", "head": 5, "sent": 5}), now=20)
    assert core.give_up_at == 53


def test_an_ack_is_cumulative_and_due_after_a_second() -> None:
    core = at(5)
    assert core.send_at == math.inf
    core.receive(frame(event(6), event(7)), now=10)
    assert core.send_at == 11
    assert sent(core, now=10.9) == []
    assert sent(core, now=11) == [{"type": "ack", "seq": 7}]
    assert core.send_at == math.inf


def test_a_connection_owes_no_acks_of_the_one_before() -> None:
    core = at(5)
    core.receive(frame(event(6)), now=10)
    core.opened(now=20, device=None, thread_id=None)
    assert core.send_at == math.inf


def test_answers_find_their_commands_in_both_forms() -> None:
    core = at(5)
    [ok] = core.receive('{"type":"ok","message_id":"m","re":"chat","run_id":"r"}', now=0)
    assert isinstance(ok, Answered)
    assert ok.command_id == "m"
    [error] = core.receive('{"type":"error","message_id":"m","error":"conflict"}', now=0)
    assert isinstance(error, Answered)
    assert isinstance(error.answer, Conflict)
    assert core.receive('{"jsonrpc":"2.0","id":"q","result":{"threads":[]}}', now=0) == [
        Answered("q", {"threads": []})
    ]
    refusal = {"code": -32000, "message": "no", "data": {"error": "conflict", "message": "no"}}
    [refused] = core.receive(json.dumps({"jsonrpc": "2.0", "id": "q", "error": refusal}), now=0)
    assert isinstance(refused, Answered)
    assert isinstance(refused.answer, Conflict)


def test_an_error_of_no_command_is_a_complaint_and_remembered() -> None:
    core = at(5)
    [action] = core.receive('{"type":"error","error":"conflict","message":"no"}', now=0)
    assert isinstance(action, Complaint)
    assert core.last_error is action.error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type":"token_expiring","in_s":60}', [RenewToken(60.0)]),
        (
            '{"type":"typing_indicator","thread_id":"t","who":"phone","is_typing":true}',
            [Typing("t", "phone", True)],
        ),
        ('{"type":"draining","reconnect_after_ms":1500}', []),
        ('{"type":"aurora","brightness":3}', []),
        ('{"type":"ok","re":"typing","message_id":null}', []),
    ],
)
def test_other_control_objects(text: str, expected: list[Action]) -> None:
    core = at(5)
    assert core.receive(text, now=0) == expected
    assert core.drain_delay_s == (1.5 if "draining" in text else None)


@given(st.data())
def test_whatever_is_lost_doubled_or_merged_each_seq_is_applied_once_and_in_order(
    data: st.DataObject,
) -> None:
    """A service that answers every resync: the client sees each seq once, whatever happens."""
    last = data.draw(st.integers(1, 25))
    core, covered, position, now = opened(), 0, 0, 0.0
    while core.applied < last:
        now += 1
        for text in core.outgoing(now=now):
            command = json.loads(text)
            if command["type"] == "resync":
                position = command["from"]
        if now >= core.give_up_at:
            actions: list[Action] = [Drop("silent")]
        elif position >= last:
            beat = json.dumps({"type": "heartbeat", "head": last, "sent": last})
            actions = core.receive(beat, now=now)
        else:
            fate = data.draw(st.sampled_from(["sent", "sent", "sent", "lost", "doubled", "back"]))
            until = data.draw(st.integers(position + 1, min(last, position + 4)))
            body = frame(event(until, seq_from=position + 1 if until > position + 1 else None))
            actions = [] if fate == "lost" else core.receive(body, now=now)
            if fate == "doubled":
                actions += core.receive(body, now=now)
            position = max(0, position - 2) if fate == "back" else until
        for action in actions:
            if isinstance(action, Applied):
                assert action.seq_from == covered + 1
                covered = action.event.seq
            elif isinstance(action, Drop):
                opened(core, "resumed", now)
                position = core.applied
    assert covered == last
