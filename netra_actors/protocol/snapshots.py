"""A state as the bytes of a snapshot that fit into one frame."""

from typing import Final

import msgspec

from netra_actors.protocol.state import State
from netra_actors.protocol.text import cut_bytes, last_bytes
from netra_actors.protocol.views import MessageView, StateView

MAX_SNAPSHOT_BYTES: Final = 1_048_576
"""The whole frame."""
_ENVELOPE_BYTES: Final = 64
_SHORT_CONTENT_BYTES: Final = 256

_encode = msgspec.json.Encoder().encode


def encode_state(state: State, max_bytes: int = MAX_SNAPSHOT_BYTES - _ENVELOPE_BYTES) -> bytes:
    """Return the JSON of `State.snapshot` in at most *max_bytes*; *state* stays as it is.

    The fold's own bounds keep ordinary states below. Only one full of characters that JSON
    writes in six bytes, or of names at their bounds, is cut: the steps and text of open runs to
    a half, a quarter, an eighth, nothing, then the messages. Nothing else is left out, and what
    was cut is cut alike for all who get it.
    """
    view = state.view()
    body = _encode(view)
    for keep_half in (True, True, True, False):
        if len(body) <= max_bytes:
            return body
        body = _encode(_cut_runs(view, keep_half=keep_half))
    if len(body) <= max_bytes:
        return body
    view.messages = [_cut_message(message) for message in view.messages]
    return _encode(view)


def _cut_runs(view: StateView, *, keep_half: bool) -> StateView:
    for run in view.runs:
        keep_steps = len(run.steps) // 2 if keep_half else 0
        run.steps = run.steps[len(run.steps) - keep_steps :]
        run.text = last_bytes(run.text, len(run.text.encode()) // 2 if keep_half else 0)
    return view


def _cut_message(message: MessageView) -> MessageView:
    content = cut_bytes(message.content, _SHORT_CONTENT_BYTES)
    cut = message.cut or len(content) < len(message.content)
    return msgspec.structs.replace(message, content=content, cut=cut)
