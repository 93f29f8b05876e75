import json

import pytest

from netra_actors.errors import NotFound
from netra_actors.protocol.commands import (
    CreateThread,
    DeleteThread,
    GetThreadHistory,
    ListThreads,
    RenameThread,
    SendMessage,
    decode_command,
)
from tests.web.conftest import Site


async def test_threads_are_listed_as_the_session_answers(site: Site) -> None:
    site.worker.directory.fields = {"threads": [], "at": 3}
    response = await site.client.get("/api/threads", headers=site.bearer())
    assert response.status_code == 200
    assert json.loads(await response.get_data()) == {"threads": [], "at": 3}
    assert site.commands == [ListThreads()]


async def test_a_thread_begins_with_201_with_or_without_a_title(site: Site) -> None:
    first = await site.client.post("/api/threads", headers=site.bearer(), json={"title": "Bills"})
    second = await site.client.post("/api/threads", headers=site.bearer())
    assert (first.status_code, second.status_code) == (201, 201)
    assert site.commands == [CreateThread(title="Bills"), CreateThread()]


async def test_a_thread_is_renamed_by_its_path(site: Site) -> None:
    body = {"title": "New", "thread_id": "thr_other", "payload": {"thread_id": "thr_other"}}
    response = await site.client.patch("/api/threads/thr_1", headers=site.bearer(), json=body)
    assert response.status_code == 200
    assert site.commands == [RenameThread(thread_id="thr_1", title="New")]


async def test_a_thread_is_deleted_with_204_and_no_body(site: Site) -> None:
    response = await site.client.delete("/api/threads/thr_1", headers=site.bearer())
    assert response.status_code == 204
    assert await response.get_data() == b""
    assert site.commands == [DeleteThread(thread_id="thr_1")]


async def test_history_takes_limit_and_before_from_the_query(site: Site) -> None:
    await site.client.get(
        "/api/threads/thr_1/messages?limit=10&before=msg_9", headers=site.bearer()
    )
    assert site.commands == [GetThreadHistory(thread_id="thr_1", limit=10, before="msg_9")]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1.5", "%D9%A3", "9" * 5000])
async def test_a_limit_that_is_none_is_named(site: Site, limit: str) -> None:
    response = await site.client.get(
        f"/api/threads/thr_1/messages?limit={limit}", headers=site.bearer()
    )
    body = json.loads(await response.get_data())
    assert response.status_code == 400
    assert (body["error"], body["field"]) == ("invalid_field", "limit")
    assert site.commands == []


async def test_a_message_is_accepted_with_202_under_its_own_id(site: Site) -> None:
    site.worker.directory.fields = {"thread_id": "thr_1", "run_id": "run_1", "at": 4}
    body = {"content": "hi", "message_id": "m1", "policy": "reject", "priority": "high"}
    response = await site.client.post(
        "/api/threads/thr_1/messages", headers=site.bearer(), json=body
    )
    assert response.status_code == 202
    assert json.loads(await response.get_data()) == {
        "message_id": "m1",
        "thread_id": "thr_1",
        "run_id": "run_1",
        "at": 4,
    }
    assert site.commands == [
        SendMessage(
            content="hi", message_id="m1", thread_id="thr_1", policy="reject", priority="high"
        )
    ]


async def test_without_an_id_the_message_gets_one_and_new_means_no_thread_yet(site: Site) -> None:
    response = await site.client.post(
        "/api/threads/new/messages", headers=site.bearer(), json={"content": "hi"}
    )
    answer = json.loads(await response.get_data())
    assert answer["message_id"].startswith("msg_")
    assert site.commands == [SendMessage(content="hi", message_id=answer["message_id"])]


async def test_a_repeated_message_is_told_so(site: Site) -> None:
    site.worker.directory.duplicate = True
    response = await site.client.post(
        "/api/threads/thr_1/messages",
        headers=site.bearer(),
        json={"content": "a", "message_id": "m"},
    )
    assert response.status_code == 202
    assert json.loads(await response.get_data())["duplicate"] is True


async def test_the_same_content_has_the_same_digest_as_over_a_socket(site: Site) -> None:
    body = {"content": "hi", "message_id": "m1", "attachments": ["file_1"]}
    await site.client.post("/api/threads/thr_1/messages", headers=site.bearer(), json=body)
    frame = json.dumps({"type": "chat", "payload": {**body, "thread_id": "thr_1"}})
    _, decoded = site.worker.directory.asked[0]
    assert decoded.digest == decode_command(frame, user_id="alice").digest


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_message"),
        (b"{}", "empty_message"),
        (b'{"content":"  "}', "empty_message"),
        (b"[1]", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'{"content":', "invalid_json"),
        (b'{"content":"a","priority":"urgent"}', "invalid_field"),
        (b'{"content":"a","message_id":7}', "invalid_field"),
        (b'{"content":"a","user_id":"bob"}', "forbidden_user"),
        (b'{"content":"a\\u0000"}', "invalid_field"),
        (b'{"content":"' + b"x" * 9000 + b'"}', "message_too_large"),
        (b"[" * 5000, "invalid_json"),
    ],
)
async def test_every_bad_body_has_its_code(site: Site, data: bytes, code: str) -> None:
    response = await site.client.post(
        "/api/threads/thr_1/messages", headers=site.bearer(), data=data
    )
    body = json.loads(await response.get_data())
    assert body["error"] == code
    assert 400 <= response.status_code < 500
    assert site.commands == []


async def test_anothers_thread_does_not_exist(site: Site) -> None:
    site.worker.directory.error = NotFound("there is no thread thr_1", field="thread_id")
    response = await site.client.patch(
        "/api/threads/thr_1", headers=site.bearer(), json={"title": "x"}
    )
    assert response.status_code == 404
