"""A worker without sessions: what the HTTP side needs, in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from quart.typing import TestClientProtocol

from netra_actors.errors import ClientError
from netra_actors.identity import UnifiedIdGenerator, UserExecutionContext, UserID
from netra_actors.protocol.commands import Cursor, Decoded
from netra_actors.record.memory import MemoryRecord
from netra_actors.sessions.directory import Done
from netra_actors.settings import Settings, load_settings
from netra_actors.web.app import NetraApp, create_app
from netra_actors.web.auth import Authenticator, open_authenticator
from netra_actors.web.limits import Buckets
from netra_actors.web.metrics import Metrics
from netra_actors.web.ports import AgentInfo, Counts, StreamItem
from netra_actors.web.tickets import Tickets

NOW_MS = 1_800_000_000_000
SECRET = "a secret of at least thirty-two bytes"


@attrs.define
class FakeDirectory:
    """Remembers what it was asked, and answers what the test says."""

    asked: list[tuple[UserExecutionContext, Decoded]] = attrs.field(factory=list)
    fields: dict[str, Any] = attrs.field(factory=lambda: {"at": 7})
    duplicate: bool = False
    error: Exception | None = None

    async def execute(self, context: UserExecutionContext, decoded: Decoded) -> Done:
        self.asked.append((context, decoded))
        if self.error is not None:
            raise self.error
        return Done(self.fields, duplicate=self.duplicate)


@attrs.define
class FakeWorker:
    settings: Settings
    authenticator: Authenticator
    now_ms: int = NOW_MS
    record: MemoryRecord = attrs.field(factory=MemoryRecord)
    directory: FakeDirectory = attrs.field(factory=FakeDirectory)
    metrics: Metrics = attrs.field(factory=Metrics)
    tickets: Tickets = attrs.field(factory=lambda: Tickets(300.0, clock=lambda: 0.0))
    rates: Buckets[str] = attrs.field(factory=lambda: Buckets[str](20.0, 60.0, clock=lambda: 0.0))
    ids: UnifiedIdGenerator = attrs.field(init=False)
    started_at: int = NOW_MS - 5_000
    batches: list[Sequence[StreamItem]] = attrs.field(factory=list)
    stream_error: ClientError | None = None
    streams: list[tuple[str, Cursor | None]] = attrs.field(factory=list)
    left: int = 0
    erased: list[UserID] = attrs.field(factory=list)
    failing: set[str] = attrs.field(factory=set)
    is_ready: bool = True
    is_draining: bool = False

    def __attrs_post_init__(self) -> None:
        self.ids = UnifiedIdGenerator(clock=lambda: self.now_ms)

    @asynccontextmanager
    async def stream(
        self, context: UserExecutionContext, cursor: Cursor | None
    ) -> AsyncIterator[AsyncIterator[Sequence[StreamItem]]]:
        self.streams.append((context.user_id, cursor))
        if self.stream_error is not None:
            raise self.stream_error
        try:
            yield _each(self.batches)
        finally:
            self.left += 1

    async def erase(self, context: UserExecutionContext) -> None:
        self.erased.append(context.user_id)

    def agents(self) -> Sequence[AgentInfo]:
        return (AgentInfo(name="analyst", description="Reads", promises=("agent_thinking",)),)

    def picture(self) -> Mapping[str, Any]:
        return {"sessions": []}

    def counts(self) -> Counts:
        return Counts(sessions=1, connections=2, runs=3)

    def checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {"record": self._check}

    async def _check(self) -> None:
        if "record" in self.failing:
            raise OSError("down")

    def ready(self) -> bool:
        return self.is_ready

    def draining(self) -> bool:
        return self.is_draining


class _Each:
    def __init__(self, batches: Sequence[Sequence[StreamItem]]) -> None:
        self._batches = iter(batches)

    def __aiter__(self) -> "_Each":
        return self

    async def __anext__(self) -> Sequence[StreamItem]:
        for batch in self._batches:
            return batch
        raise StopAsyncIteration


def _each(batches: Sequence[Sequence[StreamItem]]) -> AsyncIterator[Sequence[StreamItem]]:
    return _Each(batches)


@attrs.define
class Site:
    """A worker, its application and a client of it."""

    worker: FakeWorker
    app: NetraApp
    client: TestClientProtocol

    def bearer(
        self, user_id: str = "alice", *permissions: str, plan: str = "mid"
    ) -> dict[str, str]:
        """Return the headers of a user with a good token."""
        guests = self.worker.authenticator.guests
        assert guests is not None
        token = guests.sign(
            user_id, now_s=self.worker.now_ms // 1000, plan=plan, permissions=permissions
        )
        return {"Authorization": f"Bearer {token}"}

    @property
    def commands(self) -> list[Any]:
        """Return the commands that reached the sessions."""
        return [decoded.command for _, decoded in self.worker.directory.asked]


def make_site(**environ: str) -> Site:
    """Return a site in development mode, with the settings of *environ*."""
    settings = load_settings({"NETRA_DATABASE_URL": "memory:", **environ})
    holder: list[FakeWorker] = []
    authenticator = open_authenticator(settings, wall_clock_ms=lambda: holder[0].now_ms)
    holder.append(FakeWorker(settings, authenticator))
    app = create_app(holder[0])
    return Site(holder[0], app, app.test_client())


@pytest.fixture
def site() -> Site:
    return make_site()
