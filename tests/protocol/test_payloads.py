import msgspec

from netra_actors.protocol.payloads import PAYLOADS, Erased, FileRef, ToolCompleted, Unknown


def test_payloads_are_found_by_their_types() -> None:
    assert all(name == payload.type for name, payload in PAYLOADS.items())
    assert len(PAYLOADS) == 20
    assert Unknown.type not in PAYLOADS


def test_optional_fields_that_say_nothing_are_not_sent() -> None:
    done = ToolCompleted(call_id="c", tool_name="t", status="success", execution_time_ms=5)
    assert msgspec.json.encode(done) == (
        b'{"call_id":"c","tool_name":"t","status":"success","execution_time_ms":5}'
    )
    large = msgspec.structs.replace(done, result="Beginning", result_ref=FileRef("file_1", 40_000))
    assert msgspec.json.encode(large).endswith(
        b'"result":"Beginning","result_ref":{"file_id":"file_1","bytes":40000}}'
    )
    assert msgspec.json.encode(Erased()) == b"{}"
