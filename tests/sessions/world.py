"""A worker's sessions on virtual time: memory record, real committer, actors, agents and runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import attrs
import msgspec
import trio
from structlog.testing import capture_logs

from netra_actors.agents.registry import Agent, AgentRegistry
from netra_actors.agents.run import RunServices
from netra_actors.agents.tools import run_inline
from netra_actors.errors import ClientError
from netra_actors.identity import (
    ConnectionID,
    RunID,
    ThreadID,
    UnifiedIdGenerator,
    UserExecutionContext,
    UserID,
)
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogLimits
from netra_actors.log.port import FileRow
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.decoding import decode_command
from netra_actors.protocol.events import Event, FileRef, decode_event
from netra_actors.protocol.lifecycle import Lifecycle
from netra_actors.record import MemoryRecord
from netra_actors.sessions.directory import Done, Envelope
from netra_actors.sessions.engine import ExecutionEngineFactory
from netra_actors.sessions.entry import SessionEntry
from netra_actors.sessions.loading import Loading
from netra_actors.sessions.sessions import SessionParts, Sessions, open_sessions
from netra_actors.settings import load_settings

SETTINGS = load_settings({})


@attrs.define(eq=False)
class FakeSubscriber:
    """A device: remembers what it was told."""

    connection_id: ConnectionID = attrs.field(default=ConnectionID("conn_test"))
    device: str = "phone"
    thread_id: ThreadID | None = None
    frames: list[Any] = attrs.field(factory=list)
    code: int | None = None

    def control(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))

    def end(self, code: int) -> None:
        self.code = code


@attrs.define(eq=False)
class World:
    """The sessions of one worker, and what a test does with them."""

    sessions: Sessions
    record: Any
    committer: Committer
    missing: list[tuple[RunID, str, Sequence[str]]]
    ids: UnifiedIdGenerator
    contexts: dict[str, UserExecutionContext] = attrs.field(factory=dict)

    def context(self, user: str = "alice", plan: str = "mid") -> UserExecutionContext:
        return UserExecutionContext(user_id=UserID(user), plan=plan)

    async def entry(self, user: str = "alice") -> SessionEntry:
        return await self.sessions.entry(self.context(user))

    async def ask(self, command: dict[str, Any], *, user: str = "alice", plan: str = "mid") -> Done:
        decoded = decode_command(msgspec.json.encode(command), user_id=user)
        return await self.sessions.execute(self.context(user, plan), decoded)

    async def tell(
        self,
        command: dict[str, Any],
        *,
        user: str = "alice",
        plan: str = "mid",
        origin: FakeSubscriber | None = None,
    ) -> list[Done | ClientError]:
        """Send without waiting; the answer appears in the list."""
        return self.post(await self.entry(user), command, plan=plan, origin=origin)

    def post(
        self,
        entry: SessionEntry,
        command: dict[str, Any],
        *,
        plan: str = "mid",
        origin: FakeSubscriber | None = None,
    ) -> list[Done | ClientError]:
        """Send in this very step; the answer appears in the list."""
        answers: list[Done | ClientError] = []
        entry.tell(
            Envelope(
                context=self.context(entry.user_id, plan),
                decoded=decode_command(msgspec.json.encode(command), user_id=entry.user_id),
                on_answer=answers.append,
                origin=origin,
            )
        )
        return answers

    async def answered(self, answers: list[Done | ClientError], within_s: float = 30.0) -> Any:
        """Wait for the answer to what `post` sent."""
        with trio.fail_after(within_s):
            while not answers:
                await trio.sleep(0.01)
        return answers[0]

    async def send(self, content: str = "hello", **fields: Any) -> dict[str, Any]:
        """Send a message and return the fields of its ok."""
        keep = {name: fields.pop(name) for name in ("user", "plan") if name in fields}
        done = await self.ask({"type": "user_message", "content": content, **fields}, **keep)
        return done.fields

    async def events(self, user: str = "alice") -> list[Event]:
        """Return everything that is durable."""
        row = await self.record.session(UserID(user))
        if row is None:
            return []
        chunks = await self.record.chunks(UserID(user), after=0, upto=row.head, max_bytes=1 << 30)
        return [decode_event(line) for chunk in chunks for line in lines_of(chunk.body)]

    async def settle(self, user: str = "alice") -> list[Event]:
        """Wait until no run is open and everything is durable; return the log."""
        entry = await self.entry(user)
        await trio.sleep(0.01)  # A session that was just loaded has not queued its runs again.
        while not entry.engine.idle:
            await trio.sleep(0.01)
        await entry.log.wait_committed(entry.log.head)
        return await self.events(user)


def check_grammar(events: Sequence[Event], *, all_closed: bool = True) -> Lifecycle:
    """Replay *events* through a fresh grammar: seqs without holes, balanced, one terminal."""
    lifecycle = Lifecycle()
    for seq, event in enumerate(events, 1):
        assert event.seq == seq
        lifecycle.advance(
            event.payload,
            run_id=event.run_id,
            parent_run_id=event.parent_run_id,
            thread_id=event.thread_id,
            message_id=event.message_id,
        )
    if all_closed:
        assert not lifecycle.runs
        started = [event.run_id for event in events if event.type == "agent_started"]
        ended = [event.run_id for event in events if event.type == "agent_completed"]
        assert sorted(map(str, started)) == sorted(map(str, ended))
        assert len(set(ended)) == len(ended)
    return lifecycle


def types(events: Sequence[Event], run_id: str | None = None) -> list[str]:
    return [event.type for event in events if run_id is None or event.run_id == run_id]


def counting_ids() -> UnifiedIdGenerator:
    numbers = count()
    return UnifiedIdGenerator(
        entropy=lambda size: next(numbers).to_bytes(size, "big"),
        clock=lambda: 1_800_000_000_000 + round(trio.current_time() * 1000),
    )


async def _tick(sessions: Sessions) -> None:
    while True:
        await trio.sleep(1)
        sessions.tick()


@asynccontextmanager
async def open_world(
    *agents: Agent,
    record: Any = None,
    ids: UnifiedIdGenerator | None = None,
    take_message: Callable[[UserExecutionContext], float] = lambda _: 0.0,
    limits: LogLimits | None = None,
    queue_capacity: int = 16,
    mailbox_capacity: int = 256,
    settings: Any = SETTINGS,
) -> AsyncIterator[World]:
    """Open sessions that offer *agents*, the first one being the default.

    Worlds over one record are given the same *ids*: real ones never make an identifier twice.
    """
    record = record or MemoryRecord()
    ids = ids or counting_ids()
    missing: list[tuple[RunID, str, Sequence[str]]] = []
    committer = Committer(record=record)

    async def store(context: UserExecutionContext, name: str, body: bytes) -> FileRef:
        file_id = ids.generate_file_id()
        await record.put_file(
            context.user_id, FileRow(file_id=file_id, name=name, body=body, created_at=0)
        )
        return FileRef(file_id=file_id, bytes=len(body))

    parts = SessionParts(
        loading=Loading(
            record=record,
            committer=committer,
            clock=ids.clock,
            new_epoch=partial(record.epoch_for, "test"),
            limits=limits or LogLimits(),
            default_plan="mid",
        ),
        engines=ExecutionEngineFactory(
            agents=AgentRegistry({agent.name: agent for agent in agents}, agents[0].name),
            plans=settings.plans,
            services=RunServices(
                ids=ids,
                run_sync=run_inline,
                store=store,
                on_missing=lambda *facts: missing.append(facts),
            ),
            queue_capacity=queue_capacity,
        ),
        ids=ids,
        mailbox_capacity=mailbox_capacity,
        take_message=take_message,
        on_run_end=lambda _: None,
    )
    # A trace in colours takes longer than a test.
    with capture_logs():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(committer.run)
            async with open_sessions(parts) as sessions:
                nursery.start_soon(_tick, sessions)
                yield World(sessions, record, committer, missing, ids)
            await committer.wait_idle()
            nursery.cancel_scope.cancel()
