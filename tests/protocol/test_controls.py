import msgspec
import pytest

from netra_actors.protocol.controls import (
    Control,
    Draining,
    Heartbeat,
    Limits,
    Pong,
    ReplayEnd,
    Snapshot,
    TokenExpiring,
    TypingIndicator,
    Welcome,
    encode_snapshot,
)
from netra_actors.protocol.inbound import decode_server


@pytest.mark.parametrize(
    ("control", "frame"),
    [
        (ReplayEnd(seq=5), b'{"type":"replay_end","seq":5}'),
        (Snapshot(at=5, state={"runs": []}), b'{"type":"snapshot","at":5,"state":{"runs":[]}}'),
        (Pong(nonce=None, head=2, sent=1), b'{"type":"pong","nonce":null,"head":2,"sent":1}'),
        (Heartbeat(head=2, sent=1), b'{"type":"heartbeat","head":2,"sent":1}'),
        (TokenExpiring(in_s=60), b'{"type":"token_expiring","in_s":60}'),
        (Draining(reconnect_after_ms=9), b'{"type":"draining","reconnect_after_ms":9}'),
        (
            TypingIndicator(thread_id="t", who="phone", is_typing=True),
            b'{"type":"typing_indicator","thread_id":"t","who":"phone","is_typing":true}',
        ),
    ],
)
def test_each_control_object_has_its_frame(control: Control, frame: bytes) -> None:
    assert control.encode() == frame
    assert decode_server(frame) == [control.body()]


def test_welcome_says_how_the_connection_will_be_served() -> None:
    welcome = Welcome(
        connection_id="conn_1",
        user_id="u_1",
        epoch="e_1",
        head=1043,
        mode="resumed",
        heartbeat_s=25,
        expires_in_s=3600,
        limits=Limits(max_message_bytes=8192, window_bytes=1_048_576),
        plan="mid",
        server_time=1_795_234_567_890,
    )
    assert welcome.encode() == (
        b'{"type":"welcome","connection_id":"conn_1","user_id":"u_1","epoch":"e_1","head":1043,'
        b'"mode":"resumed","heartbeat_s":25,"expires_in_s":3600,'
        b'"limits":{"max_message_bytes":8192,"window_bytes":1048576},"plan":"mid",'
        b'"server_time":1795234567890}'
    )


def test_an_encoded_state_is_put_into_its_frame_as_it_is() -> None:
    state: dict[str, list[object]] = {"threads": [], "messages": [], "runs": []}
    encoded = encode_snapshot(5, msgspec.json.encode(state))
    assert encoded == Snapshot(at=5, state=state).encode()
