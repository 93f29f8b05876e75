"""A peer that does only what it is told: it answers no ping and reads when asked to."""

import json
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from tests.e2e.harness import make_token


@attrs.define(eq=False)
class Peer:
    """One WebSocket by hand."""

    stream: trio.SocketStream
    wire: WSConnection
    objects: list[dict[str, Any]] = attrs.field(factory=list)
    pings: int = 0
    close_code: int | None = None
    _text: str = ""

    async def say(self, command: dict[str, Any]) -> None:
        await self.stream.send_all(self.wire.send(TextMessage(data=json.dumps(command))))

    async def pong(self) -> None:
        await self.stream.send_all(self.wire.send(Pong(payload=b"")))

    async def read(self, *, for_s: float = math.inf) -> None:
        """Read until the end or for so long."""
        with trio.move_on_after(for_s):
            while self.close_code is None:
                data = await self.stream.receive_some(65536)
                if not data:
                    self.close_code = 1006
                    return
                self.wire.receive_data(data)
                for event in self.wire.events():
                    self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            self._text += event.data
            if event.message_finished:
                item = json.loads(self._text)
                self.objects += item if isinstance(item, list) else [item]
                self._text = ""
        elif isinstance(event, Ping):
            self.pings += 1
        elif isinstance(event, CloseConnection):
            self.close_code = event.code
        elif isinstance(event, RejectConnection):
            pytest.fail(f"refused with {event.status_code}")


@asynccontextmanager
async def peer(
    port: int, user: str, *, query: str = "cursor=none", receive_buffer: int | None = None
) -> AsyncIterator[Peer]:
    """Open a `netra.v1` socket of *user*; a small *receive_buffer* makes a slow reader."""
    connection = trio.socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await connection.connect(("127.0.0.1", port))
    async with trio.SocketStream(connection) as stream:
        wire = WSConnection(ConnectionType.CLIENT)
        request = Request(
            host=f"127.0.0.1:{port}",
            target=f"/ws?{query}",
            subprotocols=["netra.v1"],
            extra_headers=[(b"authorization", f"Bearer {make_token(user)}".encode())],
        )
        await stream.send_all(wire.send(request))
        yield Peer(stream, wire)
