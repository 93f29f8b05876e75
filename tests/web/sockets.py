"""A socket in memory: what a test says comes in, what the service does to it is kept."""

import json
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

import attrs
import trio

from netra_actors.web.headers import Headers
from netra_actors.web.socket import FrameTooLarge, Socket, SocketClosed
from tests.connections.doubles import Sink


@attrs.define(eq=False)
class FakeSocket:
    """Plays `Socket`."""

    query: str = ""
    subprotocols: list[str] = attrs.field(factory=list)
    headers: Headers = attrs.field(factory=lambda: Headers([(b"host", b"here")]))
    client: tuple[str, int] | None = ("203.0.113.9", 5)
    path: str = "/ws"
    scheme: str = "ws"
    http_version: str = "1.1"
    sink: Sink = attrs.field(factory=lambda: Sink(last_heard=0.0))
    selected: str | None = None
    accepted: bool = False
    status: int | None = None
    refusal: dict[str, Any] = attrs.field(factory=dict)
    code: int | None = None
    _frames: deque[str | bytes | Exception] = attrs.field(factory=deque)
    _came: trio.Event | None = None

    def as_socket(self) -> Socket:
        return cast("Socket", self)

    async def accept(self, subprotocol: str | None) -> None:
        await trio.lowlevel.checkpoint()
        self.accepted, self.selected = True, subprotocol

    async def reject(
        self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        await trio.lowlevel.checkpoint()
        assert dict(headers)[b"content-type"] == b"application/json"
        self.status, self.refusal = status, json.loads(body)

    async def receive(self) -> str | bytes:
        while not self._frames:
            self._came = trio.Event()
            await self._came.wait()
        frame = self._frames.popleft()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def close(self, code: int, reason: str = "") -> None:
        await trio.lowlevel.checkpoint()
        assert len(reason.encode()) <= 123
        if self.code is None:
            self.code = code

    def come(self, frame: "dict[str, Any] | str | bytes | Exception") -> None:
        """Bring a frame of the peer."""
        self._frames.append(json.dumps(frame) if isinstance(frame, dict) else frame)
        if self._came is not None:
            self._came.set()

    def leave(self, code: int = 1006) -> None:
        self.come(SocketClosed(code))

    def flood(self) -> None:
        self.come(FrameTooLarge("a message over 64 KiB"))


def headers_of(*pairs: tuple[str, str], host: str = "here") -> Headers:
    return Headers([
        (b"host", host.encode()),
        *((name.encode(), value.encode()) for name, value in pairs),
    ])
