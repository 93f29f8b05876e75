import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from netra_actors.client.link import Ending, Link, LinkEnded


@attrs.define(eq=False)
class Wire:
    """The service's end of one connection, for a test to play; the client's end is a `Link`."""

    headers: dict[str, str]
    left: bool = False
    _to_client: tuple[trio.MemorySendChannel[str], trio.MemoryReceiveChannel[str]] = attrs.field(
        factory=lambda: trio.open_memory_channel[str](1000)
    )
    _to_service: tuple[
        trio.MemorySendChannel[dict[str, Any]], trio.MemoryReceiveChannel[dict[str, Any]]
    ] = attrs.field(factory=lambda: trio.open_memory_channel[dict[str, Any]](1000))
    _ending: Ending | None = None

    def say(self, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            self._to_client[0].send_nowait(json.dumps(body))

    def say_array(self, *bodies: dict[str, Any]) -> None:
        self._to_client[0].send_nowait(json.dumps(bodies))

    def welcome(self, mode: str = "fresh", **fields: Any) -> None:
        self.say({
            "type": "welcome", "connection_id": "conn_1", "user_id": "u-17", "epoch": "e_1",
            "head": 0, "mode": mode, "heartbeat_s": 25, "expires_in_s": 3600, "plan": "mid",
            "limits": {"max_message_bytes": 8192, "window_bytes": 1048576}, "server_time": 0,
            **fields,
        })  # fmt: skip

    def event(self, seq: int, kind: str, payload: dict[str, Any], **fields: Any) -> None:
        envelope = {"thread_id": "thr_1", "run_id": "run_1", "message_id": None, **fields}
        self.say({"type": kind, "seq": seq, "timestamp": seq, "payload": payload, **envelope})

    def end(self, seq: int, status: str = "completed", **fields: Any) -> None:
        payload = {"status": status, "duration_ms": 1, "metrics": {}, **fields.pop("payload", {})}
        self.event(seq, "agent_completed", payload, **fields)

    def close(self, code: int, reason: str = "") -> None:
        self._ending = Ending(code, reason)
        self._to_client[0].close()

    async def expect(self, kind: str) -> dict[str, Any]:
        """Return the next frame of the client, which must be of this type or method."""
        with trio.fail_after(60):
            frame = await self._to_service[1].receive()
        assert frame.get("type", frame.get("method")) == kind, frame
        return frame

    def unread(self) -> int:
        return self._to_service[1].statistics().current_buffer_used

    async def receive(self) -> str:
        try:
            return await self._to_client[1].receive()
        except trio.EndOfChannel:
            assert self._ending is not None
            raise LinkEnded(self._ending) from None

    async def send(self, frame: str) -> None:
        await trio.lowlevel.checkpoint()
        if self._ending is not None:
            raise LinkEnded(self._ending)
        self._to_service[0].send_nowait(json.loads(frame))


@attrs.define(eq=False)
class ScriptedService:
    """An opener whose connections a test accepts and plays, one after the other."""

    refusals: deque[Ending] = attrs.field(factory=deque)
    attempts: list[float] = attrs.field(factory=list)
    _accepting: tuple[trio.MemorySendChannel[Wire], trio.MemoryReceiveChannel[Wire]] = attrs.field(
        factory=lambda: trio.open_memory_channel[Wire](10)
    )

    @asynccontextmanager
    async def open(self, url: str, headers: Sequence[tuple[str, str]]) -> AsyncIterator[Link]:
        assert url == "ws://service:1/ws"
        self.attempts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.refusals:
            raise LinkEnded(self.refusals.popleft())
        wire = Wire(dict(headers))
        self._accepting[0].send_nowait(wire)
        try:
            yield wire
        finally:
            wire.left = True

    async def accept(self) -> Wire:
        """Return the next connection."""
        with trio.fail_after(600):
            return await self._accepting[1].receive()


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
