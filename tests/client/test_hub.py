import gc
import json

import pytest

from netra_actors.client.actions import Complaint, RenewToken
from netra_actors.client.core import Core
from netra_actors.client.errors import SessionEnded
from netra_actors.client.hub import MAX_UNTRACKED, Hub
from netra_actors.errors import Conflict

WELCOME = json.dumps({
    "type": "welcome", "connection_id": "conn_1", "user_id": "u_1", "epoch": "e_1", "head": 0,
    "mode": "fresh", "heartbeat_s": 25, "expires_in_s": None, "plan": "mid", "server_time": 0,
    "limits": {"max_message_bytes": 8192, "window_bytes": 1048576},
})  # fmt: skip


@pytest.fixture
def hub() -> Hub:
    return Hub(Core())


def greet(hub: Hub) -> None:
    hub.opened(now=0, device=None, thread_id=None)
    hub.receive(WELCOME, now=0)


def test_commands_wait_for_the_welcome(hub: Hub) -> None:
    hub.submit("a", "frame a")
    hub.opened(now=0, device=None, thread_id=None)
    assert hub.take_outgoing(now=0) == []
    hub.receive(WELCOME, now=0)
    assert hub.take_outgoing(now=0) == ["frame a"]


def test_what_nobody_answers_is_not_kept_for_another_connection(hub: Hub) -> None:
    hub.send_once("typing")
    greet(hub)
    assert hub.take_outgoing(now=0) == []
    hub.send_once("typing")
    hub.closed()
    greet(hub)
    assert hub.take_outgoing(now=0) == []


def test_of_unanswered_frames_only_the_newest_are_kept(hub: Hub) -> None:
    greet(hub)
    for number in range(MAX_UNTRACKED + 5):
        hub.send_once(str(number))
    frames = hub.take_outgoing(now=0)
    assert (len(frames), frames[-1]) == (MAX_UNTRACKED, str(MAX_UNTRACKED + 4))


def test_what_only_the_loop_can_do_is_handed_to_it(hub: Hub) -> None:
    greet(hub)
    assert hub.receive('{"type":"token_expiring","in_s":5}', now=0) == RenewToken(5.0)


async def test_an_error_for_a_command_nobody_waits_for_is_a_complaint(hub: Hub) -> None:
    updates = hub.subscribe()
    hub.receive('{"type":"error","error":"conflict","message":"no","message_id":"x"}', now=0)
    update = await updates.get()
    assert isinstance(update, Complaint)
    assert isinstance(update.error, Conflict)


async def test_after_the_end_nothing_is_taken_on_and_the_first_reason_stays(hub: Hub) -> None:
    updates = hub.subscribe()
    pending = hub.submit("a", "frame")
    hub.end(SessionEnded("first"))
    hub.end(SessionEnded("second"))
    for failing in (pending.wait_answer, updates.get, hub.subscribe().get, hub.wait_connected):
        with pytest.raises(SessionEnded, match="first"):
            await failing()
    with pytest.raises(SessionEnded, match="first"):
        hub.submit("b", "frame")


def test_an_iterator_that_was_dropped_collects_nothing(hub: Hub) -> None:
    hub.subscribe()
    gc.collect()
    assert len(hub._subscriptions) == 0
