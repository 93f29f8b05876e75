import json
from io import BytesIO

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from netra_actors.errors import InvalidField
from netra_actors.identity import FileID, UserID
from netra_actors.log.port import FileRow
from netra_actors.web.api.files import file_name, parse_upload
from tests.web.conftest import Site, make_site

BOUNDARY = b"X-BOUNDARY"


def multipart(body: bytes, *, name: str = "bill.csv", before: bytes = b"") -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode()
    return (
        before
        + b"--X-BOUNDARY\r\n"
        + head
        + b"Content-Type: text/csv\r\n\r\n"
        + body
        + b"\r\n--X-BOUNDARY--\r\n"
    )


def upload_headers(site: Site, user_id: str = "alice") -> dict[str, str]:
    kind = "multipart/form-data; boundary=X-BOUNDARY"
    return {**site.bearer(user_id), "Content-Type": kind}


async def upload(site: Site, data: bytes) -> tuple[int, dict[str, object]]:
    response = await site.client.post("/api/files", headers=upload_headers(site), data=data)
    return response.status_code, json.loads(await response.get_data())


async def test_a_file_comes_back_to_its_owner_as_it_was(site: Site) -> None:
    body = bytes(range(256)) * 40 + b"\r\n--X-BOUND"
    status, answer = await upload(site, multipart(body))
    assert status == 201
    assert (answer["name"], answer["bytes"]) == ("bill.csv", len(body))
    response = await site.client.get(f"/api/files/{answer['file_id']}", headers=site.bearer())
    assert await response.get_data() == body


async def test_a_file_is_always_a_download_and_never_a_page(site: Site) -> None:
    file = FileRow(file_id=FileID("file_1"), name='"><é.html', body=b"<script>", created_at=1)
    await site.worker.record.put_file(UserID("alice"), file)
    response = await site.client.get("/api/files/file_1", headers=site.bearer())
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    disposition = response.headers["Content-Disposition"]
    assert disposition == "attachment; filename*=UTF-8''%22%3E%3C%C3%A9.html"


async def test_anothers_file_does_not_exist(site: Site) -> None:
    _, answer = await upload(site, multipart(b"secret"))
    response = await site.client.get(f"/api/files/{answer['file_id']}", headers=site.bearer("bob"))
    assert response.status_code == 404
    assert b"secret" not in await response.get_data()


async def test_a_browsers_form_is_understood(site: Site) -> None:
    storage = FileStorage(BytesIO(b"a,b\n"), filename="bill.csv")
    response = await site.client.post(
        "/api/files", headers=site.bearer(), files={"file": storage}, form={"note": "x"}
    )
    assert response.status_code == 201
    assert json.loads(await response.get_data())["bytes"] == 4


async def test_a_file_over_the_limit_is_refused_as_too_large() -> None:
    site = make_site(NETRA_FILE_MAX_BYTES="1KiB")
    status, answer = await upload(site, multipart(b"x" * 1025))
    assert (status, answer["error"]) == (413, "message_too_large")
    assert (await upload(site, multipart(b"x" * 1024)))[0] == 201


async def test_a_body_far_over_the_limit_is_not_even_kept() -> None:
    site = make_site(NETRA_FILE_MAX_BYTES="1KiB")
    async with site.client.request(
        "/api/files", method="POST", headers=upload_headers(site)
    ) as connection:
        for _ in range(20):
            await connection.send(b"x" * 65_536)
        await connection.send_complete()
    assert (await connection.as_response()).status_code == 413


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"--X-BOUNDARY--\r\n", multipart(b"x")[:40], b"--X-BOUNDARY\r\n" * 50],
)
async def test_a_body_without_a_file_is_refused(site: Site, data: bytes) -> None:
    status, answer = await upload(site, data)
    assert (status, answer["field"]) == (400, "file")


async def test_another_kind_of_body_is_refused(site: Site) -> None:
    response = await site.client.post("/api/files", headers=site.bearer(), json={"file": "x"})
    assert response.status_code == 400


async def test_sixteen_uploads_that_hang_hold_others_up_for_thirty_seconds_at_most(
    site: Site, autojump_clock: trio.testing.MockClock
) -> None:
    statuses: list[int | None] = []

    async def hang() -> None:
        connection = site.client.request("/api/files", method="POST", headers=upload_headers(site))
        async with connection as entered:
            await entered.send(b"--X")
        statuses.append((await connection.as_response()).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(16):
            nursery.start_soon(hang)
        await trio.testing.wait_all_tasks_blocked()
        assert (await upload(site, multipart(b"x")))[0] == 503
    assert statuses == [408] * 16
    assert (await upload(site, multipart(b"x")))[0] == 201


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    try:
        parse_upload(data, BOUNDARY)
    except InvalidField:
        return


@given(st.binary(max_size=300).filter(lambda body: b"--X-BOUNDARY" not in body))
def test_every_content_survives(body: bytes) -> None:
    assert parse_upload(multipart(body), BOUNDARY) == ("bill.csv", body)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\users\\me\\bill.csv", "bill.csv"),
        ("", "file"),
        ("...", "file"),
        ("a\x00b\r\n.csv", "a\ufffdb.csv"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_files_name_is_a_name_and_no_path(given_name: str, kept: str) -> None:
    assert file_name(given_name) == kept
