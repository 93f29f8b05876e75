"""The service's HTTP API, as far as a client of the event stream needs it.

httpx is imported at the first call, not with the package: most programs never make one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import attrs
import msgspec

from netra_actors.client.errors import Unreachable, error_from_wire
from netra_actors.client.tokens import TokenSource
from netra_actors.errors import ClientError, ConfigurationError
from netra_actors.protocol.events import Event, decode_event

if TYPE_CHECKING:
    import httpx

_ANSWER_WITHIN_S: Final = 30.0
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@final
@attrs.frozen
class Address:
    """A service's address, in the two forms it is needed in."""

    http: str
    """Such as ``http://127.0.0.1:8000``, without a slash at the end."""
    websocket: str
    """Such as ``ws://127.0.0.1:8000/ws``."""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read ``host:port`` or an http, https, ws or wss address, with or without ``/ws``.

        Raises:
            ConfigurationError: it is none of these.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in _SCHEMES or not parts.hostname or not _port_is_readable(parts):
            raise ConfigurationError(f"{url!r} is no address such as http://127.0.0.1:8000")
        path = parts.path.rstrip("/").removesuffix("/ws")
        http = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, "", ""))
        return cls(http=http, websocket=f"ws{http.removeprefix('http')}/ws")


def _port_is_readable(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


@final
@attrs.frozen(eq=False)
class HttpApi:
    """Calls to one service in one user's name.

    Every method raises a `ClientError` for a refusal and `Unreachable` when nothing answers.
    Cancellation: a call that changes something may or may not have taken place.
    """

    address: Address
    tokens: TokenSource

    async def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Store *data* as a file of the user; returns ``{file_id, name, bytes}``."""
        return await self._call("POST", "/api/files", files={"file": (name, data)})

    async def ticket(self) -> str:
        """Return a single-use ticket (300 s) for a browser's WebSocket or EventSource."""
        answer = await self._call("POST", "/api/tickets")
        return str(answer["ticket"])

    async def run_events(self, run_id: str, *, after: int) -> list[Event]:
        """Return all of a run's events after seq *after*, sub-runs included."""
        events: list[Event] = []
        since: int | None = after
        while since is not None:
            page = await self._call("GET", f"/api/runs/{run_id}/events", params={"after": since})
            events += [decode_event(msgspec.json.encode(event)) for event in page["events"]]
            since = page.get("next_after")
        return events

    async def download(self, file_id: str) -> bytes:
        """Return the content of one of the user's files."""
        response = await self._fetch("GET", f"/api/files/{file_id}")
        if not response.is_success:
            _answer(response)
        return response.content

    async def dev_token(self, user_id: str, **claims: Any) -> str:
        """Ask a service in development mode for a token (`plan` and `permissions` optional)."""
        body = {"user_id": user_id, **{k: v for k, v in claims.items() if v is not None}}
        answer = await self._call("POST", "/api/dev/token", json=body, anonymous=True)
        return str(answer["token"])

    async def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        return _answer(await self._fetch(method, path, **arguments))

    async def _fetch(
        self, method: str, path: str, *, anonymous: bool = False, **arguments: Any
    ) -> "httpx.Response":
        headers = {}
        if not anonymous and (token := await self.tokens.current()):
            headers["Authorization"] = f"Bearer {token}"
        async with _client() as client:
            return await _request(client, method, self.address.http + path, headers, arguments)


@asynccontextmanager
async def _client() -> "AsyncIterator[httpx.AsyncClient]":
    import httpx  # noqa: PLC0415 - see the module's docstring

    # The WebSocket cannot go through a proxy of the environment, so neither does this.
    async with httpx.AsyncClient(timeout=_ANSWER_WITHIN_S, trust_env=False) as client:
        yield client


async def _request(
    client: "httpx.AsyncClient",
    method: str,
    url: str,
    headers: dict[str, str],
    arguments: dict[str, Any],
) -> "httpx.Response":
    import httpx  # noqa: PLC0415 - see the module's docstring

    try:
        return await client.request(method, url, headers=headers, **arguments)
    except httpx.TransportError as error:
        raise Unreachable(f"no answer from {url}: {error or type(error).__name__}") from None


def _answer(response: "httpx.Response") -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and isinstance(body, dict):
        return body
    if isinstance(body, dict) and "error" in body:
        raise error_from_wire(body)
    raise ClientError(
        f"{response.request.url} answered {response.status_code}, which is not this API",
        recovery="Check the address of the service.",
    )
