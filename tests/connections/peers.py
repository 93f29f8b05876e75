"""A log with a real committer, a sink that does as it is told, a client that keeps the rules."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import msgspec
import trio

from netra_actors.connections.delivery import Delivery, DeliveryCounts
from netra_actors.errors import RecordUnavailable
from netra_actors.log.committer import Committer
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.applying import Verdict, judge
from netra_actors.protocol.events import (
    AgentStarted,
    Event,
    PartialResult,
    ThreadCreated,
    UserMessage,
    decode_event,
)
from netra_actors.protocol.state import State
from netra_actors.record import MemoryRecord
from tests.log.records import make_log

MAX_TAIL = 1024 * 1024
NO_PROGRESS_S = 10.0


@attrs.define(eq=False)
class FakeSink:
    """A `FrameSink` whose kernel takes what a test lets it take.

    Attributes:
        room: bytes that the kernel takes now; None: all.
        written: every payload, in the order in which it was written.
        arrived: the payloads that the peer has whole.
    """

    room: int | None = None
    broken: bool = False
    written: list[bytes] = attrs.field(factory=list)
    arrived: list[bytes] = attrs.field(factory=list)
    pings: int = 0
    drains: int = 0
    last_heard: float = attrs.field(factory=trio.current_time)
    _tail: deque[bytes] = attrs.field(factory=deque)
    _partly: int = 0
    _moved: trio.Event = attrs.field(factory=trio.Event)

    @property
    def tail_bytes(self) -> int:
        return sum(map(len, self._tail)) - self._partly

    def write(self, payloads: Sequence[bytes]) -> bool:
        size = sum(map(len, payloads))
        if self.broken or (self._tail and self.tail_bytes + size > MAX_TAIL):
            raise trio.BrokenResourceError("no")
        self.written.extend(payloads)
        self._tail.extend(payloads)
        self._flush()
        return not self._tail

    def _flush(self) -> None:
        while self._tail:
            need = len(self._tail[0]) - self._partly
            if self.room is not None and self.room < need:
                self._partly += self.room
                self.room = 0
                return
            if self.room is not None:
                self.room -= need
            self._partly = 0
            self.arrived.append(self._tail.popleft())

    def stall(self) -> None:
        """Take nothing from now on."""
        self.room = 0

    def take(self, size: int | None = None) -> None:
        """Have the kernel take *size* more bytes; None: all, from now on."""
        self.room = None if size is None else (self.room or 0) + size
        self._flush()
        self._moved.set()
        self._moved = trio.Event()

    def break_(self) -> None:
        self.broken = True
        self._moved.set()

    async def drain(self) -> None:
        self.drains += 1
        await trio.lowlevel.checkpoint()
        while self._tail and not self.broken:
            with trio.move_on_after(NO_PROGRESS_S) as scope:
                await self._moved.wait()
            if scope.cancelled_caught:
                self.broken = True
                raise trio.TooSlowError
        if self.broken:
            raise trio.BrokenResourceError("no")

    def ping(self, data: bytes = b"") -> bool:  # noqa: ARG002 - the port's
        if self.broken:
            raise trio.BrokenResourceError("no")
        self.pings += 1
        return not self._tail


@attrs.define(eq=False)
class Client:
    """Applies what a sink has brought, by the protocol's rule; fails at what must not come."""

    state: State = attrs.field(factory=State)
    controls: list[dict[str, Any]] = attrs.field(factory=list)
    events: list[dict[str, Any]] = attrs.field(factory=list)
    holes: int = 0
    lost_before: int = 0
    """The frames before this one, as written, never reached it: it found a hole there."""
    _read: int = 0

    @property
    def applied(self) -> int:
        return self.state.applied

    def read(self, sink: FakeSink) -> None:
        """Apply what has arrived since the last call."""
        first = max(self._read, self.lost_before)
        fresh, self._read = sink.arrived[first:], len(sink.arrived)
        for payload in fresh:
            decoded = msgspec.json.decode(payload)
            for item in decoded if isinstance(decoded, list) else [decoded]:
                self._take(item)

    def _take(self, item: dict[str, Any]) -> None:
        if item["type"] == "snapshot":
            self.state = State.from_snapshot(item["state"], item["at"])
        if item["type"] == "snapshot" or "payload" not in item:
            self.controls.append(item)
            return
        self.events.append(item)
        match judge(self.applied, item.get("seq_from", item["seq"]), item["seq"]):
            case Verdict.APPLY:
                self.state.apply(decode_event(msgspec.json.encode(item)))
            case Verdict.HOLE:
                self.holes += 1
            case Verdict.DROP:
                pass

    def types(self) -> list[str]:
        return [control["type"] for control in self.controls]


@attrs.define(eq=False)
class FailingRecord:
    """A `MemoryRecord` whose reads fail while it is down, and wait while it is held."""

    memory: MemoryRecord = attrs.field(factory=MemoryRecord)
    down: bool = False
    reads: int = 0
    gate: trio.Event | None = None

    async def chunks(self, *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise RecordUnavailable("down")
        return await self.memory.chunks(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.memory, name)


@attrs.define(eq=False)
class Stage:
    """One log that commits, and who follows it."""

    log: SessionLog
    record: FailingRecord
    committer: Committer
    nursery: trio.Nursery
    ended: list[int] = attrs.field(factory=list)
    spawned: int = 0

    async def commit(self) -> None:
        """Have everything durable, and its cursors woken."""
        await self.log.wait_committed(self.log.head)
        await self.committer.wait_idle()

    def begin_run(self) -> None:
        """Append four events: a thread, a message and its run, running."""
        where: dict[str, Any] = {"thread_id": "thr_1"}
        self.log.append(ThreadCreated(title="t"), **where)
        where |= {"run_id": "run_1", "message_id": "msg_1"}
        self.log.append(UserMessage(content="hello", priority="normal", policy="enqueue"), **where)
        self.log.append(AgentStarted(agent_name="a"), **where)

    def partial(self, content: str) -> Event:
        return self.log.append(
            PartialResult(content=content, is_complete=False),
            thread_id="thr_1",
            run_id="run_1",
            message_id="msg_1",
        )

    def delivery(
        self, sink: FakeSink, *, window_bytes: int = 1 << 20, batched: bool = True
    ) -> Delivery:
        def spawn(task: Callable[[], Awaitable[None]]) -> None:
            self.spawned += 1
            self.nursery.start_soon(task)

        return Delivery(
            log=self.log,
            record=self.record,
            sink=sink,
            batched=batched,
            spawn=spawn,
            end=self.ended.append,
            window_bytes=window_bytes,
            counts=DeliveryCounts(),
        )

    async def follow(self, sink: FakeSink, after: int | None = 0, **options: Any) -> Delivery:
        """Return a delivery that is live."""
        delivery = self.delivery(sink, **options)
        await delivery.start(after)
        return delivery


@asynccontextmanager
async def open_stage(**limits: Any) -> AsyncIterator[Stage]:
    record = FailingRecord()
    committer = Committer(record=record)
    log = make_log(committer, **limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(committer.run)
        yield Stage(log, record, committer, nursery)
        nursery.cancel_scope.cancel()
