"""Whole connections over one worker's sessions, each with a sink that does as it is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from itertools import count
from typing import Any

import attrs
import msgspec
import trio

from netra_actors.connections.connection import Connection, ConnectionConfig
from netra_actors.connections.delivery import DeliveryCounts
from netra_actors.connections.opening import Carrier, Opening
from netra_actors.connections.pool import PoolConfig, WebSocketConnectionPool
from netra_actors.errors import Unauthorized
from netra_actors.identity import ConnectionID, UserExecutionContext
from netra_actors.protocol.commands import Cursor
from tests.connections.peers import Client, FakeSink
from tests.sessions.scripts import scripted
from tests.sessions.world import SETTINGS, World, open_world

WALL = 1_800_000_000_000


@attrs.define(eq=False)
class Device:
    """One connection with both of its ends."""

    connection: Connection
    sink: FakeSink
    client: Client
    ends: ExitStack
    hung_up: list[int]

    @property
    def frames(self) -> list[Any]:
        """Everything that was written, one entry a frame."""
        return [msgspec.json.decode(payload) for payload in self.sink.written]

    def frames_of(self, kind: str) -> list[Any]:
        return [
            frame for frame in self.frames if isinstance(frame, dict) and frame.get("type") == kind
        ]

    async def say(self, **command: Any) -> Any:
        """Send a command; return the frame that came next, if one did at once."""
        before = len(self.sink.written)
        await self.connection.feed(msgspec.json.encode(command))
        return self.frames[before] if len(self.sink.written) > before else None

    def leave(self) -> None:
        self.ends.close()


@attrs.define(eq=False)
class Hall:
    """A worker's connections.

    Attributes:
        waits: what the next commands are told to wait, in seconds; then 0.
        counted: whether each counted command was a stop.
        limit: how many connections a user may have.
    """

    world: World
    nursery: trio.Nursery
    waits: list[float] = attrs.field(factory=list)
    counted: list[bool] = attrs.field(factory=list)
    codes: list[str] = attrs.field(factory=list)
    commands: list[str] = attrs.field(factory=list)
    modes: list[str] = attrs.field(factory=list)
    limit: int = 3
    ends: ExitStack = attrs.field(factory=ExitStack)
    pool: WebSocketConnectionPool = attrs.field(init=False)
    opening: Opening = attrs.field(init=False)
    _numbers: Any = attrs.field(factory=count)

    def __attrs_post_init__(self) -> None:
        self.pool = WebSocketConnectionPool(
            PoolConfig(
                heartbeat_s=25.0,
                heartbeat_grace_s=8.0,
                connections_of=lambda _: self.limit,
                wall_clock_ms=self.wall,
            )
        )
        self.opening = Opening(
            pool=self.pool,
            record=self.world.record,
            sockets=SETTINGS.sockets,
            config=ConnectionConfig(
                max_message_bytes=8192,
                wall_clock_ms=self.wall,
                authorize=self._authorize,
                take_command=self._take_command,
                on_error=self.codes.append,
                on_command=self.commands.append,
            ),
            counts=DeliveryCounts(),
            on_mode=self.modes.append,
        )

    @staticmethod
    def wall() -> int:
        return WALL + round(trio.current_time() * 1000)

    async def _authorize(self, connection: Connection, token: str) -> Mapping[str, Any]:
        await trio.lowlevel.checkpoint()
        if token != "good":
            raise Unauthorized("this token is bad")
        connection.expires_at += 600_000
        connection.warned = False
        return {"expires_in_s": 600.0}

    def _take_command(self, _: UserExecutionContext, __: ConnectionID, urgent: bool) -> float:
        self.counted.append(urgent)
        return self.waits.pop(0) if self.waits else 0.0

    async def device(
        self,
        user: str = "alice",
        *,
        batched: bool = True,
        name: str = "phone",
        sink: FakeSink | None = None,
        valid_s: float = 86_400.0,
    ) -> Device:
        """Return a connection of *user* that nothing was said on yet."""
        entry = await self.world.entry(user)
        sink, hung_up = sink or FakeSink(), []
        connection = self.opening.connection(
            self.world.context(user),
            ConnectionID(f"conn_{next(self._numbers)}"),
            entry,
            Carrier(
                sink=sink,
                spawn=self.nursery.start_soon,
                hang_up=lambda: hung_up.append(1),
                batched=batched,
                beats=batched,
                device=name,
            ),
            expires_at=self.wall() + round(valid_s * 1000),
        )
        return Device(connection, sink, Client(), ExitStack(), hung_up)

    async def join(
        self, user: str = "alice", cursor: Cursor | None = None, **options: Any
    ) -> Device:
        """Return a connection of *user* that is attached and live."""
        device = await self.device(user, **options)
        device.ends.enter_context(self.opening.attached(device.connection))
        self.ends.callback(device.leave)
        await self.opening.start(device.connection, cursor, expires_in_s=None)
        return device


@asynccontextmanager
async def open_hall(**options: Any) -> AsyncIterator[Hall]:
    async with open_world(scripted, **options) as world, trio.open_nursery() as nursery:
        hall = Hall(world, nursery)
        with hall.ends:
            yield hall
        nursery.cancel_scope.cancel()
