"""The real service as a child, and a client that shows every byte it gets."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import attrs
import httpx
import msgspec
import trio
import trio_websocket
from joserfc import jwt
from joserfc.jwk import OctKey

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the tests, long enough for HS256"
PATIENCE_S = 15.0
CLOSE_WITHIN_S = 2.0
_KEY = OctKey.import_key(SECRET)


def make_token(user_id: str, *, life_s: float = 3600.0, **claims: Any) -> str:
    """Return a token that the service under test believes."""
    claims = {"sub": user_id, "exp": int(time.time() + life_s), **claims}
    return jwt.encode({"alg": "HS256"}, claims, _KEY)


@attrs.define(eq=False)
class Server:
    """A child that serves; ended by its pid."""

    process: "subprocess.Popen[str]"
    database: Path
    port: int
    said: list[str]
    """What it has written to standard error."""
    _reader: threading.Thread

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, *, user: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {} if user is None else {"authorization": f"Bearer {make_token(user)}"}
        headers |= options.pop("headers", {})
        return httpx.request(method, self.http + path, headers=headers, timeout=10, **options)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float = 30.0) -> int:
        """Return the exit code."""
        code = self.process.wait(within_s)
        self._reader.join(5)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


def start_server(folder: Path, **settings: str) -> Server:
    """Start the service on a port of its own and the database in *folder*."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    database = folder / "netra.db"
    environment = {
        **kept,
        "PYTHONPATH": str(ROOT),
        "NETRA_HOST": "127.0.0.1",
        "NETRA_PORT": "0",
        "NETRA_DATABASE_URL": f"sqlite:///{database}",
        "NETRA_AGENTS": "tests.e2e.agents",
        "NETRA_JWT_SECRET": SECRET,
        "NETRA_LOG_FORMAT": "json",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "netra_actors", "serve"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={name: value for name, value in environment.items() if value},
    )
    assert process.stderr is not None
    said: list[str] = []
    port = 0
    for line in process.stderr:
        said.append(line)
        if found := re.match(r"netra_actors serves http://.*:(\d+)$", line):
            port = int(found[1])
            break
    if not port:
        process.wait()
        process.stderr.close()
        raise RuntimeError("".join(said))
    reader = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
    reader.start()
    return Server(process, database, port, said, reader)


class Ended(Exception):
    """The service closed the connection."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed {code}")
        self.code = code


def is_event(item: dict[str, Any]) -> bool:
    return "seq" in item and item["type"] != "replay_end"


def _ends(item: dict[str, Any], run_id: str) -> bool:
    """Whether *item* says that the run is over: its terminal, or a snapshot without it."""
    if item["type"] == "snapshot":
        messages = item["state"]["messages"]
        return any(m.get("run_id") == run_id and m["role"] == "agent" for m in messages)
    return bool(item["type"] == "agent_completed" and item["run_id"] == run_id)


@attrs.define(eq=False)
class Device:
    """One connection of a user. It shows what comes, in order, and decides nothing by itself."""

    socket: trio_websocket.WebSocketConnection
    seen: list[dict[str, Any]] = attrs.field(factory=list)
    """Every object that was taken."""
    lines: list[bytes] = attrs.field(factory=list)
    """The log's events as they came, byte for byte."""
    arrays: int = 0
    received_bytes: int = 0
    _waiting: deque[dict[str, Any]] = attrs.field(factory=deque)

    @property
    def subprotocol(self) -> str | None:
        return self.socket.subprotocol

    @property
    def events(self) -> list[dict[str, Any]]:
        return [item for item in self.seen if is_event(item)]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    async def say(self, command: "dict[str, Any] | str | bytes") -> None:
        await self.socket.send_message(
            command if isinstance(command, str | bytes) else json.dumps(command)
        )

    async def frame(self) -> str:
        """Return the next frame; `Ended` when there is none."""
        try:
            frame = await self.socket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            reason = closed.reason
            raise Ended(1006 if reason is None else reason.code) from None
        self.received_bytes += len(frame)
        assert isinstance(frame, str), "the service sends text alone"
        return frame

    async def hear(self) -> dict[str, Any]:
        """Return the next object, wherever it came: alone or in an array."""
        while not self._waiting:
            with trio.fail_after(PATIENCE_S):
                frame = (await self.frame()).encode()
            raws = [msgspec.Raw(frame)]
            if frame.startswith(b"["):
                self.arrays += 1
                raws = msgspec.json.decode(frame, type=list[msgspec.Raw])
            for raw in raws:
                item = msgspec.json.decode(raw)
                self._waiting.append(item)
                if "type" in item and is_event(item):
                    self.lines.append(bytes(raw))
        item = self._waiting.popleft()
        self.seen.append(item)
        return dict(item)

    async def until(
        self, kind: "str | Callable[[dict[str, Any]], bool]", **fields: Any
    ) -> dict[str, Any]:
        """Take objects up to the first of that type (or that fulfils it) with these fields."""
        with trio.fail_after(PATIENCE_S):
            while True:
                item = await self.hear()
                good = item.get("type") == kind if isinstance(kind, str) else kind(item)
                if good and all(item.get(name) == value for name, value in fields.items()):
                    return item

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send and return the answer to exactly this command."""
        key = command.get("message_id")
        await self.say(command)
        return await self.until(
            lambda item: (
                item["type"] in {"ok", "error", "pong"}
                and (key is None or item.get("message_id") == key)
            )
        )

    async def quiet(self) -> list[dict[str, Any]]:
        """Return all that came before the answer to a ping: what was to come has come."""
        before = len(self.seen)
        nonce = f"quiet-{len(self.seen)}"
        await self.say({"type": "ping", "nonce": nonce})
        await self.until("pong", nonce=nonce)
        return self.seen[before:-1]

    async def run(self, content: str, **fields: Any) -> dict[str, Any]:
        """Send a message and wait for its run's terminal; return the `ok`."""
        message_id = fields.pop("message_id", None) or f"m-{time.monotonic_ns()}"
        command = {"type": "user_message", "content": content, "message_id": message_id, **fields}
        begin = len(self.seen)
        answer = await self.ask(command)
        assert answer["type"] == "ok", answer
        # The run may have ended before its acceptance was told.
        if not any(_ends(item, answer["run_id"]) for item in self.seen[begin:]):
            await self.until(lambda item: _ends(item, answer["run_id"]))
        return answer

    async def end_code(self) -> int:
        """Take everything up to the end and return the close code."""
        with trio.fail_after(PATIENCE_S):
            try:
                while True:
                    await self.hear()
            except Ended as ended:
                return ended.code


HELLO: dict[str, Any] = {"type": "hello"}


@asynccontextmanager
async def dial(
    port: int,
    *,
    query: str = "",
    subprotocols: Sequence[str] | None = ("netra.v1",),
    token: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[Device]:
    """Open a socket and say nothing on it."""
    extra = [(name.encode(), value.encode()) for name, value in headers]
    if token is not None:
        extra.append((b"authorization", f"Bearer {token}".encode()))
    # The stream is ours: the library leaves it open when the service closes first.
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    try:
        async with trio.open_nursery() as nursery:
            socket = await trio_websocket.wrap_client_stream(
                nursery,
                stream,
                f"127.0.0.1:{port}",
                f"/ws{'?' if query else ''}{query}",
                subprotocols=subprotocols,
                extra_headers=extra,
                message_queue_size=1024,
                max_message_size=16 * 1024 * 1024,
            )
            yield Device(socket)
            with trio.move_on_after(CLOSE_WITHIN_S):
                await socket.aclose()
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def connected(
    server: Server,
    user: str,
    *,
    hello: dict[str, Any] | None = None,
    token: str | None = None,
    **options: Any,
) -> AsyncIterator[Device]:
    """Open a connection of *user* and take everything up to `replay_end`."""
    async with dial(server.port, token=token or make_token(user), **options) as device:
        if "cursor" not in options.get("query", ""):
            await device.say({**HELLO, **(hello or {})})
        await device.until("replay_end")
        yield device


@asynccontextmanager
async def refused(code: int) -> AsyncIterator[list[Any]]:
    """Expect the upgrade to be answered with that HTTP status; gives the body's fields."""
    body: list[Any] = []
    try:
        yield body
    except* trio_websocket.ConnectionRejected as group:
        rejected = group.exceptions[0]
        while isinstance(rejected, BaseExceptionGroup):
            rejected = rejected.exceptions[0]
        assert isinstance(rejected, trio_websocket.ConnectionRejected)
        assert rejected.status_code == code, rejected
        with contextlib.suppress(ValueError):
            body.append(json.loads(rejected.body or b""))
    else:
        raise AssertionError("the upgrade was accepted")


class Stopwatch:
    """Tells how long something took, for bounds that are wide on both sides."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.s = time.monotonic() - self.began
