"""A device of a user, over any number of connections, that keeps every byte it was sent.

It frames WebSocket messages itself, so that what it compares is what came over the socket, and
so that a hundred of them cost little. It applies events by the duties of a client and notes
every breach of order as a fault.
"""

import json
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, final

import attrs
import msgspec
import trio

from netra_actors.protocol.events import (
    AgentCompleted,
    ToolCompleted,
    ToolExecuting,
    decode_event,
)
from netra_actors.protocol.state import State

PATIENCE_S: Final = 30.0
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LOST: Final = 1006
_READ_BYTES: Final = 1 << 18

_decode_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class _Head(msgspec.Struct):
    type: str = ""
    seq: int | None = None
    seq_from: int | None = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode


@final
@attrs.frozen
class Line:
    """One event as it came; a merged one stands for *seq_from* to *seq*."""

    seq_from: int
    seq: int
    raw: bytes


@final
@attrs.define(eq=False)
class Socket:
    """One WebSocket: frames in and out, nothing else."""

    stream: trio.SocketStream
    buffer: bytearray
    subprotocol: str | None

    async def send(self, opcode: int, payload: bytes) -> None:
        mask = secrets.token_bytes(4)
        size = len(payload)
        if size < 126:
            head = bytes([0x80 | opcode, 0x80 | size])
        else:
            head = bytes([0x80 | opcode, 0xFE]) + struct.pack("!H", size)
        body = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
        await self.stream.send_all(head + mask + body)

    async def receive(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload; a close without one when it breaks."""
        while (frame := self._cut()) is None:
            try:
                data = await self.stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                return CLOSE, struct.pack("!H", LOST)
            self.buffer += data
        return frame

    def _cut(self) -> tuple[int, bytes] | None:
        if len(self.buffer) < 2:
            return None
        assert self.buffer[0] & 0xF0 == 0x80, "a whole frame without extensions"
        assert self.buffer[1] < 128, "a server does not mask"
        size, at = self.buffer[1], 2
        extra = {126: 2, 127: 8}.get(size, 0)
        if extra:
            if len(self.buffer) < 2 + extra:
                return None
            size, at = int.from_bytes(self.buffer[2 : 2 + extra], "big"), 2 + extra
        if len(self.buffer) < at + size:
            return None
        opcode, payload = self.buffer[0] & 15, bytes(self.buffer[at : at + size])
        del self.buffer[: at + size]
        return opcode, payload


async def _read_head(stream: trio.SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = await stream.receive_some(_READ_BYTES)
        if not more:
            raise trio.BrokenResourceError("no answer to the upgrade")
        data += more
    return data


async def open_socket(port: int, token: str, *, query: str = "", plain: bool = False) -> Socket:
    """Upgrade a connection, with `netra.v1` unless *plain*."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    lines = [
        f"GET /ws{query} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {token}",
        *([] if plain else ["Sec-WebSocket-Protocol: netra.v1"]),
    ]
    try:
        await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
        data = await _read_head(stream)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    chosen = [line for line in head.lower().split(b"\r\n") if line.startswith(b"sec-websocket-pro")]
    return Socket(
        stream, bytearray(rest), chosen[0].partition(b":")[2].strip().decode() if chosen else None
    )


@final
@attrs.define(eq=False)
class Device:
    """What one device of *user* has been sent, and where it stands."""

    user: str
    token: str
    plain: bool = False
    lines: list[Line] = attrs.field(factory=list, init=False)
    controls: list[dict[str, Any]] = attrs.field(factory=list, init=False)
    """Everything that is not in the log, in order."""
    state: State = attrs.field(factory=State, init=False)
    applied: int = attrs.field(default=0, init=False)
    snapshots: list[int] = attrs.field(factory=list, init=False)
    """The position of each snapshot that was taken."""
    merged: int = attrs.field(default=0, init=False)
    batches: int = attrs.field(default=0, init=False)
    faults: list[str] = attrs.field(factory=list, init=False)
    epoch: str | None = attrs.field(default=None, init=False)
    close_code: int | None = attrs.field(default=None, init=False)
    """Of the last connection; None while there is one."""
    ended: dict[str, AgentCompleted] = attrs.field(factory=dict, init=False)
    """The terminals that came, by run."""
    tools: dict[str, set[str]] = attrs.field(factory=dict, init=False)
    """The open tools of all that a message has started, by its message_id."""
    socket: Socket | None = attrs.field(default=None, init=False)
    _news: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    # --- connections

    @asynccontextmanager
    async def connected(self, port: int) -> AsyncIterator[None]:
        """Be connected for the length of the block, resuming where this device was."""
        cursor = "none" if self.epoch is None else f"{self.epoch}:{self.applied}"
        query = "" if self.plain and self.epoch is None else f"?cursor={cursor}"
        socket = await open_socket(port, self.token, query=query, plain=self.plain)
        self.socket, self.close_code = socket, None
        assert socket.subprotocol == (None if self.plain else "netra.v1")
        before = len(self.controls)
        failure: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, socket)
                try:
                    await self.until(lambda: self.heard("replay_end", since=before) is not None)
                    yield
                except Exception as error:  # noqa: BLE001 - raised below, where no nursery wraps it
                    failure = error
                nursery.cancel_scope.cancel(reason="the block was left")
        finally:
            # Outside of the cancelled scope: in it, this would replace what the block raised.
            await trio.aclose_forcefully(socket.stream)
        if failure is not None:
            raise failure

    async def _read(self, socket: Socket) -> None:
        while True:
            opcode, payload = await socket.receive()
            if opcode == TEXT:
                self._frame(payload)
            elif opcode == PING:
                await socket.send(PONG, payload)
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self._news.unpark_all()
                return
            self._news.unpark_all()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until *condition* holds; it is looked at after each frame."""
        with trio.move_on_after(PATIENCE_S):
            while not condition():
                assert self.close_code is None, f"{self.user}: closed {self.close_code}"
                await self._news.park()
            return
        raise AssertionError(f"{self.user} waited at {self.applied}: {self.lines[-3:]}")

    async def until_closed(self) -> int:
        """Wait for the end of the connection; returns its code."""
        with trio.fail_after(PATIENCE_S):
            while self.close_code is None:
                await self._news.park()
        return self.close_code

    # --- commands

    async def send(self, **command: Any) -> None:
        assert self.socket is not None
        await self.socket.send(TEXT, json.dumps(command).encode())

    async def request(self, **command: Any) -> dict[str, Any]:
        """Send a command and return its answer, `ok` or `error`."""
        key = command.setdefault("message_id", f"m-{secrets.token_hex(8)}")
        before = len(self.controls)
        await self.send(**command)
        found: list[dict[str, Any]] = []

        def answered() -> bool:
            found.extend(
                item
                for item in self.controls[before:]
                if item["type"] in {"ok", "error"} and item.get("message_id") == key
            )
            return bool(found)

        await self.until(answered)
        return found[0]

    async def ask(self, content: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return its `ok`."""
        answer = await self.request(type="user_message", content=content, **fields)
        assert answer["type"] == "ok", answer
        return answer

    async def settle(self) -> None:
        """Wait until everything is here that is in the log when this is called."""
        before = len(self.controls)
        await self.send(type="ping", nonce=f"settle-{before}")
        await self.until(lambda: self.heard("pong", since=before) is not None)
        pong = self.heard("pong", since=before)
        assert pong is not None
        await self.until(lambda: self.applied >= pong["head"])

    def heard(self, kind: str, *, since: int = 0) -> dict[str, Any] | None:
        """Return the first control object of that type, from the *since*-th on."""
        return next((item for item in self.controls[since:] if item["type"] == kind), None)

    # --- frames

    def _frame(self, payload: bytes) -> None:
        if not payload.startswith(b"["):
            self._object(payload)
            return
        self.batches += 1
        if self.plain:
            self.faults.append("an array without subprotocol")
        for raw in _decode_array(payload):
            self._object(bytes(raw))

    def _object(self, raw: bytes) -> None:
        head = _decode_head(raw)
        if head.seq is not None and head.type != "replay_end":
            first = head.seq if head.seq_from is None else head.seq_from
            self._event(Line(first, head.seq, raw))
            return
        item = _decode_object(raw)
        self.controls.append(item)
        if item["type"] == "welcome":
            self._welcome(item)
        elif item["type"] == "snapshot":
            self.snapshots.append(item["at"])
            self.applied = item["at"]
            self.state = State.from_snapshot(item["state"], item["at"])
        elif item["type"] == "replay_end" and item["seq"] != self.applied:
            self.faults.append(f"the replay ended at {item['seq']}, this is {self.applied}")

    def _welcome(self, welcome: dict[str, Any]) -> None:
        if welcome["user_id"] != self.user:
            self.faults.append(f"welcomed as {welcome['user_id']}")
        if self.epoch not in {None, welcome["epoch"]}:
            self.faults.append(f"the log {self.epoch} is now {welcome['epoch']}")
        self.epoch = welcome["epoch"]

    def _event(self, line: Line) -> None:
        if line.seq_from != self.applied + 1:
            self.faults.append(f"{line.seq_from}..{line.seq} came on top of {self.applied}")
        self.merged += line.seq_from != line.seq
        self.lines.append(line)
        self.applied = line.seq
        event = decode_event(line.raw)
        self.state.apply(event)
        open_tools = self.tools.setdefault(event.message_id or "", set())
        match event.payload:
            case AgentCompleted() if event.run_id is not None:
                self.ended[event.run_id] = event.payload
            case ToolExecuting(call_id=call_id):
                open_tools.add(call_id)
            case ToolCompleted(call_id=call_id):
                open_tools.discard(call_id)
