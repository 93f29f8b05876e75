import json
from collections.abc import Callable

import httpx
import pytest

from netra_actors.client import http
from netra_actors.client.errors import Unreachable
from netra_actors.client.http import Address, HttpApi
from netra_actors.client.tokens import TokenSource
from netra_actors.errors import ClientError, ConfigurationError, NotFound

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], HttpApi]:
    def serve(handler: Handler) -> HttpApi:
        monkeypatch.setattr(
            http, "_client", lambda: httpx.AsyncClient(transport=httpx.MockTransport(handler))
        )
        return HttpApi(Address.parse("127.0.0.1:1"), TokenSource("tok"))

    return serve


@pytest.mark.parametrize(
    ("given", "http_url", "websocket_url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws"),
        ("http://h:1/", "http://h:1", "ws://h:1/ws"),
        ("https://h", "https://h", "wss://h/ws"),
        ("ws://h:1/ws", "http://h:1", "ws://h:1/ws"),
        ("wss://h/base/ws", "https://h/base", "wss://h/base/ws"),
        ("http://h:1/ws?cursor=none", "http://h:1", "ws://h:1/ws"),
    ],
)
def test_an_address_is_read_in_every_form(given: str, http_url: str, websocket_url: str) -> None:
    assert Address.parse(given) == Address(http=http_url, websocket=websocket_url)


@pytest.mark.parametrize("wrong", ["", "ftp://h", "http://", "://x", "http://h:port"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        Address.parse(wrong)


async def test_an_upload_carries_the_token_and_the_file(
    served: Callable[[Handler], HttpApi],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer tok"
        assert request.url.path == "/api/files"
        assert b"a,b\n1,2" in request.content
        return httpx.Response(201, json={"file_id": "f", "name": "d.csv", "bytes": 7})

    assert (await served(handler).upload("d.csv", b"a,b\n1,2"))["file_id"] == "f"


async def test_a_development_token_is_asked_for_without_a_token(
    served: Callable[[Handler], HttpApi],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        assert json.loads(request.content) == {"user_id": "alice", "plan": "free"}
        return httpx.Response(200, json={"token": "new", "expires_in_s": 60})

    api = served(handler)
    assert await api.dev_token("alice", plan="free", permissions=None) == "new"


async def test_an_error_body_becomes_its_exception(
    served: Callable[[Handler], HttpApi],
) -> None:
    api = served(lambda _: httpx.Response(404, json={"error": "not_found", "message": "no run"}))
    with pytest.raises(NotFound, match="no run"):
        await api.run_events("run_1", after=0)


async def test_a_runs_events_are_read_page_by_page(
    served: Callable[[Handler], HttpApi],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        event = {"type": "custom", "seq": after + 1, "timestamp": 0, "payload": {"name": "n"}}
        following = after + 1 if after < 3 else None
        return httpx.Response(200, json={"events": [event], "next_after": following})

    events = await served(handler).run_events("run_1", after=1)
    assert [event.seq for event in events] == [2, 3, 4]


async def test_a_file_is_downloaded_as_it_is(served: Callable[[Handler], HttpApi]) -> None:
    api = served(lambda _: httpx.Response(200, content=b"all of it"))
    assert await api.download("file_1") == b"all of it"


async def test_a_file_of_another_user_is_not_there(served: Callable[[Handler], HttpApi]) -> None:
    api = served(lambda _: httpx.Response(404, json={"error": "not_found", "message": "none"}))
    with pytest.raises(NotFound):
        await api.download("file_1")


async def test_an_answer_of_something_else_says_so(
    served: Callable[[Handler], HttpApi],
) -> None:
    api = served(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(ClientError, match="not this API"):
        await api.ticket()


async def test_nobody_there_is_unreachable(
    unused_tcp_port: int,
) -> None:
    api = HttpApi(Address.parse(f"127.0.0.1:{unused_tcp_port}"), TokenSource(None))
    with pytest.raises(Unreachable, match="no answer"):
        await api.ticket()
