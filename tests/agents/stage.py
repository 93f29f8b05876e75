"""One run on a real log: committed by a real committer into a memory record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import trio

from netra_actors.agents import Agent, Run
from netra_actors.agents.execution import Outcome, execute
from netra_actors.agents.notifier import WebSocketNotifier
from netra_actors.agents.run import RunServices
from netra_actors.agents.tools import ToolRunner, run_inline
from netra_actors.identity import MessageID, RunID, ThreadID, UserExecutionContext, UserID
from netra_actors.log.committer import Committer
from netra_actors.log.limits import LogLimits
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol import events
from netra_actors.protocol.batching import lines_of
from netra_actors.protocol.events import Event, FileRef, decode_event
from netra_actors.record import MemoryRecord
from tests.sessions.world import counting_ids

USER, RUN = UserID("alice"), RunID("run_1")
THREAD, MESSAGE = ThreadID("thr_1"), MessageID("msg_1")


@attrs.define(eq=False, kw_only=True)
class Stage:
    """A run that was asked for and has not begun.

    Attributes:
        files: what was stored as a file, by name.
        missing: promised events that did not come, as they were reported.
    """

    run: Run
    log: SessionLog
    record: MemoryRecord
    files: dict[str, bytes]
    missing: list[tuple[str, str, list[str]]]

    @property
    def mouth(self) -> WebSocketNotifier:
        return self.run.notifier

    async def play(self, agent: Agent, *args: Any) -> Outcome:
        return await execute(self.run, agent, partial(agent.fn, self.run, *args))

    async def events(self) -> list[Event]:
        """Return what is in the record, after all that was appended is."""
        assert await self.log.wait_committed(self.log.head)
        chunks = await self.record.chunks(USER, after=0, upto=self.log.head, max_bytes=1 << 30)
        return [decode_event(line) for chunk in chunks for line in lines_of(chunk.body)]


@asynccontextmanager
async def open_stage(
    *, run_sync: ToolRunner = run_inline, limits: LogLimits | None = None
) -> AsyncIterator[Stage]:
    record, ids = MemoryRecord(), counting_ids()
    committer = Committer(record=record)
    log = SessionLog(
        user_id=USER,
        epoch=record.epoch_for("test"),
        clock=ids.clock,
        committer=committer,
        limits=limits or LogLimits(),
    )
    files: dict[str, bytes] = {}
    missing: list[tuple[str, str, list[str]]] = []

    async def store(_: UserExecutionContext, name: str, body: bytes) -> FileRef:
        await trio.lowlevel.checkpoint()
        files[name] = body
        return FileRef(file_id=f"file_{len(files)}", bytes=len(body))

    services = RunServices(
        ids=ids,
        run_sync=run_sync,
        store=store,
        on_missing=lambda run, agent, kinds: missing.append((run, agent, list(kinds))),
    )
    mouth = WebSocketNotifier(log=log, run_id=RUN, thread_id=THREAD, message_id=MESSAGE)
    context = UserExecutionContext(user_id=USER, thread_id=THREAD, run_id=RUN)
    log.append(
        events.UserMessage(content="hello", priority="normal", policy="enqueue"),
        thread_id=THREAD,
        run_id=RUN,
        message_id=MESSAGE,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(committer.run)
        run = Run(context=context, notifier=mouth, services=services)
        yield Stage(run=run, log=log, record=record, files=files, missing=missing)
        await committer.wait_idle()
        nursery.cancel_scope.cancel()


def only(found: list[Event], kind: str) -> Any:
    """Return the payload of the one event of that type."""
    [payload] = [event.payload for event in found if event.type == kind]
    return payload


def all_of(found: list[Event], kind: str) -> list[Any]:
    """Return the payloads of the events of that type."""
    return [event.payload for event in found if event.type == kind]
