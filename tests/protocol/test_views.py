import msgspec
import pytest

from netra_actors.protocol.views import StateView, StepView


def test_every_key_is_always_there() -> None:
    step = StepView(
        kind="thinking", call_id=None, name="hm", purpose=None, status="done", duration_ms=None
    )
    assert set(msgspec.to_builtins(step)) == {
        "kind", "call_id", "name", "purpose", "status", "duration_ms",
    }  # fmt: skip
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"threads": [], "messages": []}, StateView)
