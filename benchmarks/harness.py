"""What the benchmarks share: a server in a process of its own, and lean WebSocket clients.

The server is pinned to the first core and the load to the second, where the system can do that.
Everything stays on the loopback interface.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import attrs
import trio
from joserfc import jwt
from joserfc.jwk import OctKey

ROOT: Final = Path(__file__).parent.parent
SECRET: Final = secrets.token_hex(32)
RAISED: Final = {
    "NETRA_PLAN_ENTERPRISE_MESSAGES_PER_MIN": "100000",
    "NETRA_PLAN_ENTERPRISE_MESSAGES_BURST": "100000",
    "NETRA_PLAN_ENTERPRISE_CONNECTIONS": "1000",
    "NETRA_PLAN_ENTERPRISE_RUNS": "100",
    "NETRA_COMMANDS_PER_S": "10000",
    "NETRA_COMMANDS_BURST": "10000",
}
"""Limits of the plans are settings; a load test raises those it would only measure itself at."""


def pin(core: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def token(user: str) -> str:
    """Return a token of that user, on the largest plan."""
    claims = {"sub": user, "exp": int(time.time()) + 3600, "plan": "enterprise"}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


@attrs.frozen
class Server:
    """A running server."""

    port: int
    pid: int

    def rss_bytes(self) -> int:
        """Return the resident memory of the process."""
        statm = Path(f"/proc/{self.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serve(durability: str = "commit", **environ: str) -> Iterator[Server]:
    """Run a server in a process of its own for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            **RAISED,
            "PYTHONPATH": str(ROOT),
            "PORT": "0",
            "NETRA_JWT_SECRET": SECRET,
            "NETRA_AGENTS": "benchmarks.load_agents",
            "NETRA_DATABASE_URL": f"sqlite:///{folder}/netra.db",
            "NETRA_DURABILITY": durability,
            "NETRA_LOG_LEVEL": "warning",
            **environ,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "netra_actors", "serve"],
            env=env,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: pin(0),  # noqa: PLW1509  # nothing else runs in this process yet
        )
        try:
            yield Server(_port(process), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the server did not start")


@attrs.define(eq=False)
class Client:
    """A WebSocket client that does as little as possible: it cuts frames out of bytes."""

    stream: trio.SocketStream
    _buffer: bytearray = attrs.field(factory=bytearray)

    async def send(self, command: dict[str, object]) -> None:
        """Send one command."""
        await self.stream.send_all(_masked(json.dumps(command).encode()))

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield the payload of each text frame."""
        while True:
            for payload in self._cut():
                yield payload
            data = await self.stream.receive_some(1 << 20)
            if not data:
                return
            self._buffer += data

    def _cut(self) -> list[bytes]:
        """Take every whole frame out of the buffer; answer nothing, not even pings."""
        made, at, buffer = [], 0, self._buffer
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1] & 127, 2
            if size == 126:
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), 10
            if len(buffer) - at < head + size:
                break
            if buffer[at] & 15 == 1:
                made.append(bytes(buffer[at + head : at + head + size]))
            at += head + size
        del buffer[:at]
        return made


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


@asynccontextmanager
async def connect(server: Server, user: str) -> AsyncIterator[Client]:
    """Open a `netra.v1` connection of that user, greeted in the upgrade."""
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        request = (
            "GET /ws?cursor=none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: netra.v1\r\nAuthorization: Bearer {token(user)}\r\n\r\n"
        )
        await stream.send_all(request.encode())
        client = Client(stream)
        data = b""
        while b"\r\n\r\n" not in data:
            more = await stream.receive_some(65536)
            if not more:
                raise ConnectionError(f"the server hung up: {data!r}")
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(head.decode())
        client._buffer += rest  # noqa: SLF001  # its own making
        yield client


async def until(client: Client, mark: bytes) -> bytes:
    """Read until a frame contains *mark*; return that frame."""
    async for frame in client.frames():
        if mark in frame:
            return frame
    raise ConnectionError("the server hung up")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of *values* lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
