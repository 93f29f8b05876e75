"""Servers as children, and a client that may break every rule."""

import base64
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

SERVED = Path(__file__).with_name("served.py")
ROOT = Path(__file__).parents[2]
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    opcode: int, payload: bytes = b"", *, head: int | None = None, mask: bool = True
) -> bytes:
    """Return one frame; *head* is its whole first byte if that is not to be FIN and opcode."""
    first = 0x80 | opcode if head is None else head
    masked = 0x80 if mask else 0
    length = len(payload)
    if length < 126:
        start = struct.pack("!BB", first, masked | length)
    elif length < 1 << 16:
        start = struct.pack("!BBH", first, masked | 126, length)
    else:
        start = struct.pack("!BBQ", first, masked | 127, length)
    return start + (b"\0\0\0\0" if mask else b"") + payload


DIALLED: list["Wire"] = []
"""Every connection of the test under way; closed at its end."""


class Wire:
    """One raw connection."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        DIALLED.append(self)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(5)
        self.socket.connect(("127.0.0.1", port))
        self.read = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def upgrade(self, query: str = "", *lines: bytes, then: bytes = b"") -> bytes:
        """Ask for a WebSocket, with more header *lines*; return the head of the answer."""
        self.send(upgrade_request(query, *lines) + then)
        return self.head()

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self.read:
            more = self.socket.recv(65536)
            if not more:
                break
            self.read += more
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        return head

    def frame(self) -> tuple[int, bytes] | None:
        """Return the next frame's first byte and payload, pings left out; None at the end."""
        while (start := self.exactly(2)) is not None:
            length = start[1] & 0x7F
            if length > 125:
                extended = self.exactly(2 if length == 126 else 8) or b"\0"
                length = int.from_bytes(extended, "big")
            payload = self.exactly(length)
            if payload is None:
                return None
            if start[0] & 0x0F != PING:
                return start[0], payload
        return None

    def close_code(self) -> int | None:
        """Read up to the close frame and return its code; None if the stream ends without."""
        while (got := self.frame()) is not None:
            if got[0] & 0x0F == CLOSE:
                return int.from_bytes(got[1][:2], "big")
        return None

    def exactly(self, count: int) -> bytes | None:
        while len(self.read) < count:
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.read += more
        got, self.read = self.read[:count], self.read[count:]
        return got


def upgrade_request(query: str = "", *lines: bytes) -> bytes:
    names = {line.partition(b":")[0].lower() for line in lines}
    usual = [
        b"Host: localhost",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)),
    ]
    kept = [line for line in usual if line.partition(b":")[0].lower() not in names]
    target = f"GET /ws?{query} HTTP/1.1".encode()
    return b"\r\n".join([target, *kept, *lines, b"", b""])


@attrs.define
class Server:
    """A child that serves; ended by its pid."""

    process: "subprocess.Popen[str]"
    port: int

    def dial(self, *, receive_buffer: int | None = None) -> Wire:
        return Wire(self.port, receive_buffer=receive_buffer)

    def answers(self, *, within_s: float = 3.0) -> bool:
        """Whether ``GET /`` is answered in time."""
        try:
            return self.get("/", within_s=within_s)[0] == 200
        except OSError:
            return False

    def seen(self) -> dict[str, int]:
        seen: dict[str, int] = json.loads(self.get("/seen")[1])
        return seen

    def third(self) -> bytes:
        """The last message of a handler in mode ``cancelled``."""
        return self.get("/third")[1]

    def ended(self, *, within_s: float) -> bool:
        """Whether the process has ended by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        return self.process.poll() is not None

    def memory_mib(self, field: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(field))
        return int(line.split()[1]) / 1024

    def get(self, path: str, *, within_s: float = 3.0) -> tuple[int, bytes]:
        """Return the status and body of a GET; `OSError` if there is none in time."""
        wire = self.dial()
        wire.socket.settimeout(within_s)
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        lines = wire.head().lower().split(b"\r\n")
        sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        body = wire.exactly(sizes[0]) if sizes else None
        if body is None:
            raise ConnectionError(f"no answer: {lines}")
        wire.socket.close()
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(kind: str, **options: Any) -> Server:
    process = subprocess.Popen(
        [sys.executable, str(SERVED), kind, json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if "ATTACKS_SHOW" not in os.environ else None,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    while not line.strip().isdigit():
        assert line, "the server did not start"
        line = process.stdout.readline()
    return Server(process, int(line))


def eventually(check: Callable[[], bool], *, within_s: float = 2.0) -> bool:
    """Ask again until it holds or the time is over: for what another process does."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return check()


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    yield
    while DIALLED:
        DIALLED.pop().socket.close()


@pytest.fixture(scope="session")
def ours() -> Iterator[Server]:
    """One child on our stack for every test that leaves it alive, as all must."""
    server = start("ours", ping_s=3.0)
    yield server
    server.close()


@pytest.fixture(scope="session")
def _stock_children() -> Iterator[list[Server]]:
    children: list[Server] = []
    yield children
    for server in children:
        server.close()


@pytest.fixture
def stock(_stock_children: list[Server]) -> Server:
    """A child on the stock stack, for the attacks that are not meant to kill it.

    It may die of one all the same, some time after the test: then the next test gets a new one.
    """
    if not _stock_children or _stock_children[-1].process.poll() is not None:
        _stock_children.append(start("stock", ping_s=3.0))
    return _stock_children[-1]


@pytest.fixture
def starter() -> Iterator[Callable[..., Server]]:
    """Starts children of one test: `starter(kind, **options)`."""
    with contextlib.ExitStack() as stack:

        def start_one(kind: str, **options: Any) -> Server:
            server = start(kind, **options)
            stack.callback(server.close)
            return server

        yield start_one
