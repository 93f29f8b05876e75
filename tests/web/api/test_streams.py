import json

import pytest
import trio
import trio.testing

from netra_actors.errors import QuotaExceeded
from netra_actors.protocol.commands import Cursor
from netra_actors.web.ports import StreamItem
from tests.web.conftest import Site


async def test_a_stream_begins_where_the_browser_left_off(site: Site) -> None:
    headers = {**site.bearer(), "Last-Event-ID": "e_1:41"}
    site.worker.batches = [
        (StreamItem(name="welcome", data=b'{"type":"welcome"}'),),
        (
            StreamItem(data=b'{"seq":42}', cursor=Cursor(epoch="e_1", seq=42)),
            StreamItem(data=b'{"seq":43}', cursor=Cursor(epoch="e_1", seq=43)),
        ),
    ]
    response = await site.client.get("/api/events", headers=headers)
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert await response.get_data() == (
        b'event: welcome\ndata: {"type":"welcome"}\n\n'
        b'id: e_1:42\ndata: {"seq":42}\n\n'
        b'id: e_1:43\ndata: {"seq":43}\n\n'
    )
    assert site.worker.streams == [("alice", Cursor(epoch="e_1", seq=41))]
    assert site.worker.left == 1


async def test_a_cursor_may_stand_in_the_address(site: Site) -> None:
    await site.client.get("/api/events?cursor=e_1:7", headers=site.bearer())
    assert site.worker.streams == [("alice", Cursor(epoch="e_1", seq=7))]


@pytest.mark.parametrize("cursor", ["e_1", "7", ":7", "e_1:-7", "e_1:x", "x" * 200 + ":1"])
async def test_a_cursor_that_is_none_is_refused_before_the_stream(site: Site, cursor: str) -> None:
    response = await site.client.get(
        "/api/events", headers={**site.bearer(), "Last-Event-ID": cursor}
    )
    assert response.status_code == 400
    assert site.worker.streams == []


async def test_a_refused_stream_says_so_and_keeps_the_browser_away_for_a_while(site: Site) -> None:
    site.worker.stream_error = QuotaExceeded("too many connections")
    response = await site.client.get("/api/events", headers=site.bearer())
    text = str(await response.get_data(as_text=True))
    assert text.startswith("retry: 30000\nevent: error\ndata: {")
    error = json.loads(text.partition("data: ")[2])
    assert (error["type"], error["error"]) == ("error", "quota_exceeded")
    assert text.count("\n\n") == 1


async def test_a_stream_needs_its_user(site: Site) -> None:
    assert (await site.client.get("/api/events")).status_code == 401
    assert site.worker.streams == []


async def test_a_question_for_the_head_opens_no_stream(site: Site) -> None:
    response = await site.client.head("/api/events", headers=site.bearer())
    assert response.status_code == 200
    assert site.worker.streams == []


async def test_a_stream_ends_with_the_token_that_opened_it(site: Site) -> None:
    site.worker.batches = [(StreamItem(name="heartbeat", data=b"{}"),)] * 5
    headers = site.bearer()
    site.worker.now_ms += 24 * 3600 * 1000 - 1
    async with site.client.request("/api/events", headers=headers) as connection:
        await connection.send_complete()
        assert await connection.receive() == b"event: heartbeat\ndata: {}\n\n"
        site.worker.now_ms += 1
    text = bytes(connection.response_data).decode()  # type: ignore[attr-defined]
    assert text.endswith("\n\n")
    assert '"unauthorized"' in text
    assert site.worker.left == 1


async def test_a_reader_that_leaves_ends_the_stream(
    site: Site, autojump_clock: trio.testing.MockClock
) -> None:
    sent: list[bytes] = []
    left = trio.Event()
    headers = [
        (name.lower().encode(), value.encode())
        for name, value in site.bearer("alice", "observe").items()
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/observer",
        "query_string": b"",
        "headers": headers,
    }

    async def receive() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(bytes(message.get("body", b"")))  # type: ignore[call-overload]
        if len(sent) == 4:
            left.set()

    with trio.fail_after(60):
        await site.app(scope, receive, send)  # type: ignore[arg-type]
    assert sent == [b"", *[b'data: {"sessions":[]}\n\n'] * 3]


async def test_the_observer_sees_a_picture_a_second_until_the_worker_drains(
    site: Site, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    async with site.client.request("/api/observer", headers=site.bearer("a", "observe")) as reader:
        await reader.send_complete()
        for _ in range(3):
            assert await reader.receive() == b'data: {"sessions":[]}\n\n'
        assert trio.current_time() - began == pytest.approx(2.0, abs=0.01)
        site.worker.is_draining = True
    assert trio.current_time() - began == pytest.approx(3.0, abs=0.01)


async def test_the_observer_needs_the_permission(site: Site) -> None:
    response = await site.client.get("/api/observer", headers=site.bearer("alice", "metrics"))
    assert response.status_code == 403
    assert json.loads(await response.get_data())["error"] == "forbidden"
