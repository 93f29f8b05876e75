from typing import Any

import pytest

from tests.server.conftest import Serving, answer, http_app


def request(target: bytes = b"/", *lines: bytes, version: bytes = b"1.1") -> bytes:
    head = b"GET " + target + b" HTTP/" + version
    return b"\r\n".join([head, b"host: localhost", *lines, b"", b""])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(b"http://["), 400),
        (request(b"*"), 400),
        (request(b"other.org:443"), 400),
        (request(b"/", b"connection: \xe9"), 400),
        (request(b"/", b"upgrade: \xff"), 400),
        (request(b"/", b"sec-websocket-protocol: \xff"), 400),
        (request(version=b"2.0"), 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
async def test_what_cannot_be_answered_is_refused_counted_and_closed(
    serving: Serving, sent: bytes, status: int
) -> None:
    async with serving(http_app()) as served, served.peer() as peer:
        await peer.send(sent)
        assert (await peer.head()).startswith(b"HTTP/1.1 %d" % status)
        assert await peer.ends()
        assert served.host.throttled.counts["request_malformed"] == 1


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a%20b?c=d", "/a b"),
        (b"http://example.org/a?c=d", "/a"),
        (b"http://example.org", "/"),
        (b"//double", "//double"),
    ],
)
async def test_a_path_is_found_in_origin_and_absolute_form(
    serving: Serving, target: bytes, path: str
) -> None:
    paths: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        del receive
        paths.append(scope["path"])
        await answer(send)

    async with serving(app) as served, served.peer() as peer:
        await peer.send(request(target))
        assert (await peer.head()).startswith(b"HTTP/1.1 200")
    assert paths == [path]


async def test_an_upgrade_to_http2_is_ignored(serving: Serving) -> None:
    lines = [b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABk"]
    async with serving(http_app()) as served, served.peer() as peer:
        await peer.send(request(b"/", *lines))
        assert (await peer.head()).startswith(b"HTTP/1.1 200")


async def test_a_header_elsewhere_may_have_any_byte(serving: Serving) -> None:
    async with serving(http_app()) as served, served.peer() as peer:
        await peer.send(request(b"/", b"x-name: \xe9"))
        assert (await peer.head()).startswith(b"HTTP/1.1 200")
