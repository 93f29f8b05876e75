"""What a client receives: frames of the server into events and control objects."""

from typing import Any, Final, TypeAlias, final

import attrs
import msgspec

from netra_actors.protocol.events import Event, decode_event


@final
@attrs.frozen
class Received:
    """An event, and the first seq that it stands for."""

    event: Event
    seq_from: int
    """`event.seq`, or less if several `partial_result`s were merged into it."""


Control: TypeAlias = dict[str, Any]


class _Head(msgspec.Struct):
    type: str = ""
    """An answer to JSON-RPC has none."""
    seq: int | None = None
    seq_from: int | None = None


_decode_raw: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_control: Final = msgspec.json.Decoder(dict[str, Any]).decode


def decode_server(frame: str | bytes) -> list[Received | Control]:
    """Read a frame of the server: one object, or an array of events.

    Events of a type of a later release have an `Unknown` payload; control objects are dicts.

    Raises:
        msgspec.DecodeError: the frame is neither, or an event in it is none of the protocol's.
    """
    try:
        data = frame.encode() if isinstance(frame, str) else frame
        if data.lstrip()[:1] == b"[":
            return [_read(bytes(raw)) for raw in _decode_raw(data)]
        return [_read(data)]
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"the frame is not JSON: {error}") from None


def _read(data: bytes) -> Received | Control:
    head = _decode_head(data)
    if head.seq is None or head.type == "replay_end":
        return _decode_control(data)
    event = decode_event(data)
    return Received(event, event.seq if head.seq_from is None else head.seq_from)
