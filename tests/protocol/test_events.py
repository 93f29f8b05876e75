import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_actors.protocol.events import (
    AgentThinking,
    Erased,
    Event,
    Unknown,
    decode_event,
    encode_event,
)
from scripts.histories import History


def test_an_event_is_one_line_with_its_type_in_front() -> None:
    event = Event(
        type="agent_thinking",
        seq=5,
        timestamp=1_795_234_567_890,
        thread_id="thr_1",
        run_id="run_1",
        message_id="msg_1",
        payload=AgentThinking(thought="a\nb", urgency="low"),
    )
    assert encode_event(event) == (
        b'{"type":"agent_thinking","seq":5,"timestamp":1795234567890,"thread_id":"thr_1",'
        b'"run_id":"run_1","parent_run_id":null,"message_id":"msg_1",'
        b'"payload":{"thought":"a\\nb","urgency":"low"}}'
    )


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_what_is_stored_is_read_back(rng: random.Random) -> None:
    for event in History(rng).write(20):
        line = encode_event(event)
        assert b"\n" not in line
        assert decode_event(line) == event
        assert decode_event(memoryview(line)) == event


def test_later_releases_stay_readable() -> None:
    later = decode_event(b'{"type":"dance","seq":1,"timestamp":2,"payload":null,"colour":"red"}')
    assert later == Event(type="dance", seq=1, timestamp=2, payload=Unknown())
    more = decode_event(
        b'{"type":"agent_thinking","seq":1,"timestamp":2,'
        b'"payload":{"thought":"a","urgency":"low","mood":"good"}}'
    )
    assert more.payload == AgentThinking(thought="a", urgency="low")


def test_an_erased_event_needs_no_payload() -> None:
    assert decode_event(b'{"type":"erased","seq":1,"timestamp":2}').payload == Erased()


def test_a_line_that_is_no_event_is_refused() -> None:
    for line in (b"", b"{}", b'{"type":"agent_started","seq":1,"timestamp":2,"payload":{}}'):
        with pytest.raises(msgspec.DecodeError):
            decode_event(line)
