"""The sessions of one worker: found by user, started once, put away when nobody needs them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, final

import attrs
import structlog
import trio

from netra_actors.actors.registry import Registry, open_registry
from netra_actors.actors.reply import Reply
from netra_actors.actors.supervisor import (
    ChildSpec,
    Node,
    Restart,
    Supervisor,
    open_supervisor,
)
from netra_actors.errors import ActorStopped, ClientError, RecordError, Unavailable
from netra_actors.identity import UserExecutionContext, UserID
from netra_actors.log.port import Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.decoding import Decoded
from netra_actors.protocol.snapshots import encode_state
from netra_actors.sessions.bridge import AgentWebSocketBridge
from netra_actors.sessions.directory import Done, Envelope
from netra_actors.sessions.entry import SessionEntry
from netra_actors.sessions.loading import load_session
from netra_actors.sessions.parts import SessionParts, build_entry

__all__ = ["SessionParts", "Sessions", "build_entry", "open_sessions"]

logger = structlog.get_logger(__name__)

SWEEP_AT_ONCE: Final = 8
STOP_GRACE_S: Final = 5.0


@final
@attrs.frozen(eq=False)
class Sessions:
    """The live sessions of this worker; implements the `Directory` port."""

    _parts: SessionParts
    _supervisor: Supervisor
    _registry: Registry[UserID, SessionEntry]
    _erasing: set[UserID]
    _paused: trio.Event
    """Set by `pause`; sessions that are loaded afterwards start no run either."""

    def __len__(self) -> int:
        return len(self._registry)

    def live(self) -> tuple[SessionEntry, ...]:
        """Return the sessions in memory."""
        return tuple(dict(self._registry.items()).values())

    def peek(self, user_id: UserID) -> SessionEntry | None:
        """Return the live session of a user; loads nothing. For trusted code in this process."""
        return self._registry.peek(user_id)

    async def entry(self, context: UserExecutionContext) -> SessionEntry:
        """Return the session of the context's user; see `Directory`."""
        return await self._get(context.user_id)

    async def _get(self, user_id: UserID) -> SessionEntry:
        try:
            entry = await self._registry.get(user_id)
            if entry.is_over:
                # Its connections are being told to go; the last one frees the place.
                await self._registry.drop(user_id, lambda e: e.is_idle(after_s=0.0))
                if self._registry.peek(user_id) is entry:
                    raise Unavailable("the session is ending", retry_after_s=1.0)
                entry = await self._registry.get(user_id)
        except RecordError as error:
            raise Unavailable(
                f"the session cannot be loaded now: {error}", retry_after_s=1.0
            ) from error
        except ActorStopped:
            raise Unavailable("the service is leaving", retry_after_s=1.0) from None
        return entry

    async def execute(self, context: UserExecutionContext, decoded: Decoded) -> Done:
        """Have the session do a command; see `Directory`."""
        entry = await self.entry(context)
        reply: Reply[Done] = Reply()

        def settle(answer: Done | ClientError) -> None:
            if isinstance(answer, Done):
                reply.set(answer)
            else:
                reply.fail(answer)

        entry.tell(Envelope(context=context, decoded=decoded, on_answer=settle))
        return await reply.wait()

    async def sweep(self) -> int:
        """Load every session with open runs, so that they are closed or go on; return how many.

        Cancellation: those that were loaded stay.
        """
        users = iter(await self._parts.record.users_with_open_runs())
        count = 0

        async def work() -> None:
            nonlocal count
            for user_id in users:
                try:
                    await self._get(user_id)
                    count += 1
                except Exception:  # One session that cannot be loaded must not keep the others.
                    logger.exception("sweep_failed", user_id=user_id)

        async with trio.open_nursery() as nursery:
            for _ in range(SWEEP_AT_ONCE):
                nursery.start_soon(work)
        return count

    async def put_away_idle(self, *, after_s: float) -> int:
        """Drop sessions that nobody has used for that long; return how many."""
        return await self._registry.drop_idle(lambda entry: entry.is_idle(after_s=after_s))

    async def erase(self, context: UserExecutionContext) -> None:
        """End the session of the context's user and delete everything that is stored of it.

        Cancellation: it may or may not have happened; doing it again is safe.

        Raises:
            RecordUnavailable: it cannot be deleted now; the session has ended.
        """
        user_id = context.user_id
        self._erasing.add(user_id)
        try:
            entry = self._registry.peek(user_id)
            if entry is not None:
                entry.expel()
                await self._registry.drop(user_id, lambda _: True)
                # What its runs said last must not be written behind the deletion.
                with trio.move_on_after(STOP_GRACE_S):
                    await entry.log.wait_committed(entry.log.head)
            # Whoever came meanwhile is turned away; a loading under way has read what goes now.
            with suppress(Unavailable):
                await self._registry.get(user_id)
            await self._parts.record.erase(user_id)
        finally:
            self._erasing.discard(user_id)

    def tick(self) -> None:
        """Do what is due every second: answers that wait too long for the record."""
        for entry in self.live():
            entry.actor.give_up_waiting()

    def pause(self) -> None:
        """Start no run any more; what waits stays queued, durably."""
        self._paused.set()
        for entry in self.live():
            entry.engine.paused = True

    def open_runs(self) -> list[tuple[SessionEntry, AgentWebSocketBridge]]:
        """Return every run under way."""
        return [(e, bridge) for e in self.live() for bridge in e.engine.active.values()]

    def uncommitted_events(self) -> int:
        """Return how many events wait for the record."""
        return sum(entry.log.head - entry.log.committed for entry in self.live())

    def mailbox_depth(self) -> int:
        """Return how many commands wait in all mailboxes."""
        return sum(len(entry.actor.mailbox) for entry in self.live())

    def tree(self) -> Node:
        """Return the supervision tree as it is now."""
        return self._supervisor.snapshot()

    def facts(self) -> list[Mapping[str, Any]]:
        """Return what the observer shows of each session."""
        return [entry.facts() for entry in self.live()]


@asynccontextmanager
async def open_sessions(parts: SessionParts) -> AsyncIterator[Sessions]:
    """Keep the worker's sessions for the length of the block; leaving it puts them away."""
    erasing: set[UserID] = set()
    paused = trio.Event()

    def refuse_erased(user_id: UserID) -> None:
        if user_id in erasing:
            raise Unavailable("the user is being erased", retry_after_s=1.0)

    async with open_supervisor("sessions") as supervisor:

        async def start(user_id: UserID) -> SessionEntry:
            refuse_erased(user_id)
            loaded = await load_session(parts.loading, user_id)
            refuse_erased(user_id)
            entry = build_entry(parts, loaded)
            entry.engine.paused = paused.is_set()
            spec = ChildSpec(
                name=f"session {user_id}",
                run=entry.run,
                restart=Restart.TEMPORARY,
                kind="session",
                describe=entry.describe,
            )
            try:
                supervisor.start_child(spec)
            except ValueError:
                raise ActorStopped("the user's last session is still ending") from None
            return entry

        async def stop(entry: SessionEntry) -> None:
            entry.close()
            await entry.ended.wait()
            await _save_snapshot(parts.record, entry.log)

        async with open_registry(
            start, stop, name="sessions", stop_grace_s=STOP_GRACE_S
        ) as registry:
            yield Sessions(parts, supervisor, registry, erasing, paused)


async def _save_snapshot(record: Record, session_log: SessionLog) -> None:
    """Store where the fold stands, so that the next loading need not read all events."""
    if not session_log.committed or session_log.committed != session_log.head:
        return
    at, state = session_log.fold()
    try:
        await record.put_snapshot(session_log.user_id, at, encode_state(state))
    except RecordError as error:
        # The events are all there; only the next loading takes longer.
        logger.warning("snapshot_not_saved", user_id=session_log.user_id, error=str(error))
