import msgspec
import pytest

from netra_actors.protocol.events import PartialResult, Unknown
from netra_actors.protocol.inbound import Received, decode_server

PARTIAL = (
    '{"type":"partial_result","seq":7,"timestamp":1,"run_id":"r",'
    '"payload":{"content":"a","is_complete":false}}'
)


def _only(frame: str | bytes) -> Received:
    (received,) = decode_server(frame)
    assert isinstance(received, Received)
    return received


def test_one_event_is_read_from_text_or_bytes() -> None:
    received = _only(PARTIAL)
    assert (received.seq_from, received.event.seq, received.event.run_id) == (7, 7, "r")
    assert received.event.payload == PartialResult(content="a", is_complete=False)
    assert _only(PARTIAL.encode()) == received


def test_a_merged_event_stands_for_several() -> None:
    received = _only(PARTIAL.replace('"seq":7', '"seq_from":3,"seq":7'))
    assert (received.seq_from, received.event.seq) == (3, 7)


def test_an_array_is_its_events_in_order() -> None:
    second = PARTIAL.replace('"seq":7', '"seq":8')
    first, last = decode_server(f" [{PARTIAL}, {second}]")
    assert isinstance(first, Received)
    assert isinstance(last, Received)
    assert (first.event.seq, last.event.seq) == (7, 8)
    assert decode_server("[]") == []


def test_an_event_of_a_later_release_is_an_event() -> None:
    received = _only('{"type":"dance","seq":9,"timestamp":1,"payload":{"tempo":5}}')
    assert received.event.payload == Unknown()


def test_everything_else_is_a_control_object() -> None:
    rpc = '{"jsonrpc":"2.0","id":7,"result":{"type":"ok"}}'
    for frame in ('{"type":"replay_end","seq":5}', '{"type":"tango","x":[1]}', rpc):
        assert decode_server(frame) == [msgspec.json.decode(frame)]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "5",
        "[5]",
        "\udc00",
        b'{"type":"\xff"}',
        '{"a":' + "[" * 100_000,
        '{"type":"ok"',
        '{"type":5}',
        '{"type":"agent_started","seq":1,"timestamp":1,"payload":{}}',
    ],
    ids=lambda frame: repr(frame)[:20],
)
def test_what_is_no_frame_of_the_protocol_is_refused(frame: str | bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_server(frame)
