"""A sink that stalls, breaks and tells; a session's log to fill; connections without a socket."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import trio

from netra_actors.connections.connection import Connection, ConnectionConfig
from netra_actors.connections.delivery import Delivery, DeliveryCounts
from netra_actors.connections.opening import Carrier, Opening
from netra_actors.connections.pool import PoolConfig, WebSocketConnectionPool
from netra_actors.connections.sinks import MAX_TAIL_BYTES, NO_PROGRESS_S
from netra_actors.errors import RecordUnavailable
from netra_actors.identity import ConnectionID, UserExecutionContext, UserID
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogLimits
from netra_actors.log.port import Chunk, Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.commands import Cursor
from netra_actors.protocol.events import (
    AgentStarted,
    Custom,
    PartialResult,
    ThreadCreated,
    UserMessage,
)
from netra_actors.record import MemoryRecord
from netra_actors.settings import load_settings
from tests.sessions.world import World

NOW_MS = 1_800_000_000_000


def wall_clock_ms() -> int:
    return NOW_MS + round(trio.current_time() * 1000)


@attrs.define(eq=False)
class Sink:
    """A `FrameSink` in memory.

    Attributes:
        frames: what the peer has.
        stuck: the kernel takes nothing.
        fault: raised by the next write.
    """

    frames: list[bytes] = attrs.field(factory=list)
    stuck: bool = False
    fault: BaseException | None = None
    gone: bool = False
    pings: int = 0
    last_heard: float = attrs.field(factory=trio.current_time)
    writes: list[int] = attrs.field(factory=list)
    """How many frames each call had."""
    _tail: list[bytes] = attrs.field(factory=list)
    _moved: trio.Event = attrs.field(factory=trio.Event)

    @property
    def tail_bytes(self) -> int:
        return sum(map(len, self._tail))

    def write(self, payloads: Sequence[bytes]) -> bool:
        if self.fault is not None:
            raise self.fault
        if self.gone:
            raise trio.BrokenResourceError("gone")
        size = sum(map(len, payloads))
        if self._tail and self.tail_bytes + size > MAX_TAIL_BYTES:
            raise trio.BrokenResourceError("too much waits")
        self.writes.append(len(payloads))
        if self.stuck or self._tail:
            self._tail += payloads
            return False
        self.frames += payloads
        return True

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._tail and not self.gone:
            with trio.move_on_after(NO_PROGRESS_S) as scope:
                await self._moved.wait()
            if scope.cancelled_caught:
                self.gone = True
                raise trio.TooSlowError
        if self.gone:
            raise trio.BrokenResourceError("gone")

    def ping(self, data: bytes = b"") -> bool:  # noqa: ARG002 - part of the port
        if self.gone:
            raise trio.BrokenResourceError("gone")
        self.pings += 1
        return True

    def release(self) -> None:
        """Let the kernel take what waits, and what comes from now on."""
        self.stuck = False
        self.frames += self._tail
        self._tail = []
        self._moved.set()
        self._moved = trio.Event()

    def leave(self) -> None:
        """The peer goes."""
        self.gone, self._tail = True, []
        self._moved.set()

    @property
    def objects(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for frame in self.frames:
            item = json.loads(frame)
            found += item if isinstance(item, list) else [item]
        return found

    @property
    def kinds(self) -> list[str]:
        return [item["type"] for item in self.objects]

    @property
    def covered(self) -> list[int]:
        """Every seq that the peer has, in the order in which it came."""
        return [
            seq
            for item in self.objects
            if "seq" in item and item["type"] != "replay_end"
            for seq in range(item.get("seq_from", item["seq"]), item["seq"] + 1)
        ]


@attrs.define(eq=False)
class Reading:
    """The reading half of a record, which can be down."""

    memory: MemoryRecord
    down: bool = False

    async def chunks(self, user_id: UserID, **which: Any) -> Sequence[Chunk]:
        if self.down:
            raise RecordUnavailable("down")
        return await self.memory.chunks(user_id, **which)


@attrs.define(eq=False)
class Book:
    """One session's log with its committer, and a run in it that says things."""

    log: SessionLog
    record: Reading
    committer: Committer

    def begin(self) -> None:
        """Append three events: a thread, a message, a run."""
        self.log.append(ThreadCreated(title="T"), thread_id="t")
        message = UserMessage(content="?", priority="normal", policy="enqueue")
        self.log.append(message, thread_id="t", run_id="r", message_id="m")
        self.log.append(AgentStarted(agent_name="a"), thread_id="t", run_id="r", message_id="m")

    def say(self, count: int = 1, size: int = 1) -> None:
        """Append pieces of text, which can be merged."""
        for _ in range(count):
            self._append(PartialResult(content="x" * size, is_complete=False))

    def note(self, count: int = 1, size: int = 1) -> None:
        """Append events that cannot be merged."""
        for _ in range(count):
            self._append(Custom(name="n", data="x" * size))

    def _append(self, payload: PartialResult | Custom) -> None:
        self.log.append(payload, thread_id="t", run_id="r", message_id="m")

    async def commit(self) -> None:
        await self.log.wait_committed(self.log.head)
        await self.committer.wait_idle()


@asynccontextmanager
async def open_book(tail_bytes: int = 1 << 20, full_bytes: int = 1 << 24) -> AsyncIterator[Book]:
    """Open a log whose older part leaves memory at *tail_bytes*."""
    record = MemoryRecord()
    committer = Committer(record=record)
    log = SessionLog(
        user_id=UserID("alice"),
        epoch="e",
        clock=wall_clock_ms,
        committer=committer,
        limits=LogLimits(tail_bytes=tail_bytes, full_bytes=full_bytes),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(committer.run)
        yield Book(log, Reading(record), committer)
        nursery.cancel_scope.cancel()


@attrs.define(eq=False)
class Line:
    """A delivery with its sink, and what it asked for."""

    delivery: Delivery
    sink: Sink
    codes: list[CloseCode]
    counts: DeliveryCounts


def make_line(
    book: Book, nursery: trio.Nursery, *, batched: bool = True, window_bytes: int = 1 << 20
) -> Line:
    codes: list[CloseCode] = []
    sink, counts = Sink(), DeliveryCounts()
    delivery = Delivery(
        log=book.log,
        record=cast("Record", book.record),
        sink=sink,
        batched=batched,
        spawn=nursery.start_soon,
        end=codes.append,
        window_bytes=window_bytes,
        counts=counts,
    )
    return Line(delivery, sink, codes, counts)


@attrs.define(eq=False)
class Hall:
    """A pool and what makes connections for it, over the sessions of a `World`."""

    world: World
    opening: Opening
    pool: WebSocketConnectionPool
    errors: list[str]
    wait_s: float = 0.0
    """What the rate says to the next commands."""
    life_s: float = 3600.0
    numbers: int = 0

    @asynccontextmanager
    async def connected(
        self,
        user: str = "alice",
        *,
        plan: str = "mid",
        device: str = "phone",
        cursor: Cursor | None = None,
        start: bool = True,
    ) -> AsyncIterator[tuple[Connection, Sink]]:
        """Attach one connection for the length of the block."""
        self.numbers += 1
        connection_id = ConnectionID(f"conn_{self.numbers}")
        context = UserExecutionContext(user_id=UserID(user), plan=plan, connection_id=connection_id)
        entry = await self.world.sessions.entry(context)
        sink = Sink()
        async with trio.open_nursery() as nursery:
            carrier = Carrier(
                sink=sink,
                spawn=nursery.start_soon,
                hang_up=lambda: None,
                batched=True,
                beats=True,
                device=device,
            )
            self.pool.make_room(context)
            connection = self.opening.connection(
                context,
                connection_id,
                entry,
                carrier,
                expires_at=wall_clock_ms() + round(self.life_s * 1000),
            )
            with self.opening.attached(connection):
                if start:
                    await self.opening.start(connection, cursor, expires_in_s=self.life_s)
                yield connection, sink
            nursery.cancel_scope.cancel()


def make_hall(
    world: World,
    *,
    authorize: Callable[[Connection, str], Any] | None = None,
    connections_of: Callable[[str], int] = lambda _: 10,
) -> Hall:
    pool = WebSocketConnectionPool(
        PoolConfig(
            heartbeat_s=25.0,
            heartbeat_grace_s=8.0,
            connections_of=connections_of,
            wall_clock_ms=wall_clock_ms,
        )
    )
    errors: list[str] = []
    commands: list[str] = []

    async def refuse(connection: Connection, token: str) -> dict[str, Any]:
        raise AssertionError(f"nobody expected {token} of {connection.connection_id}")

    config = ConnectionConfig(
        max_message_bytes=8192,
        wall_clock_ms=wall_clock_ms,
        authorize=authorize or refuse,
        take_command=lambda *_: hall.wait_s,
        on_error=errors.append,
        on_command=commands.append,
    )
    opening = Opening(
        pool=pool,
        record=world.record,
        sockets=load_settings({}).sockets,
        config=config,
        counts=DeliveryCounts(),
        on_mode=lambda _: None,
    )
    hall = Hall(world, opening, pool, errors)
    return hall
