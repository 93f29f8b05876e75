"""What a session is made of, and how it is put together around its log."""

from collections.abc import Callable
from typing import final

import attrs

from netra_actors.actors.mailbox import Mailbox
from netra_actors.agents.message import HistoryMessage
from netra_actors.agents.registry import AgentRegistry
from netra_actors.errors import NotFound
from netra_actors.identity import FileID, UnifiedIdGenerator, UserID
from netra_actors.log.committer import Committer
from netra_actors.log.port import Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.events import AttachmentRef
from netra_actors.sessions.actor import SessionActor
from netra_actors.sessions.bridge import AgentWebSocketBridge, ReadFile, ReadHistory
from netra_actors.sessions.engine import ExecutionEngine, ExecutionEngineFactory
from netra_actors.sessions.entry import SessionEntry
from netra_actors.sessions.handlers import AgentHandler, TakeMessage, ThreadHandler
from netra_actors.sessions.idempotency import FirstAnswers
from netra_actors.sessions.loading import Loaded, Loading
from netra_actors.sessions.queue import RunRequest
from netra_actors.sessions.router import MessageRouter
from netra_actors.sessions.service import MessageHandlerService
from netra_actors.sessions.threads import Threads


@final
@attrs.frozen(kw_only=True)
class SessionParts:
    """What every session is made of."""

    loading: Loading
    engines: ExecutionEngineFactory
    ids: UnifiedIdGenerator
    mailbox_capacity: int
    take_message: TakeMessage
    on_run_end: Callable[[AgentWebSocketBridge], None]

    @property
    def record(self) -> Record:
        """Where everything is durable."""
        return self.loading.record

    @property
    def committer(self) -> Committer:
        """The worker's committer."""
        return self.loading.committer

    @property
    def agents(self) -> AgentRegistry:
        """The agents on offer."""
        return self.engines.agents


def build_entry(parts: SessionParts, loaded: Loaded) -> SessionEntry:
    """Put one session together around its log."""
    session_log, record = loaded.log, parts.record
    answers = FirstAnswers(session_log.user_id, record, session_log)
    actor = SessionActor(
        session_log=session_log,
        committer=parts.committer,
        answers=answers,
        mailbox=Mailbox(f"session {session_log.user_id}", parts.mailbox_capacity),
    )
    engine = parts.engines.create_for_user(
        session_log,
        read_file=_file_reader(record, session_log.user_id),
        read_history=_history_reader(record, session_log.user_id),
        on_end=parts.on_run_end,
    )
    threads = Threads(session_log, record, parts.ids)
    actor.router = _router(parts, session_log, actor, engine, threads)
    return SessionEntry(
        user_id=session_log.user_id,
        log=session_log,
        actor=actor,
        engine=engine,
        recovered=loaded.waiting,
    )


def _router(
    parts: SessionParts,
    session_log: SessionLog,
    actor: SessionActor,
    engine: ExecutionEngine,
    threads: Threads,
) -> MessageRouter:
    service = MessageHandlerService(
        log=session_log,
        record=parts.record,
        ids=parts.ids,
        agents=parts.agents,
        engine=engine,
        threads=threads,
        answers=actor.answers,
    )
    thread_handler = ThreadHandler(
        log=session_log,
        record=parts.record,
        threads=threads,
        engine=engine,
        finish=actor.finish,
    )
    return MessageRouter((AgentHandler(service, parts.take_message), thread_handler))


def _file_reader(record: Record, user_id: UserID) -> ReadFile:
    async def read(ref: AttachmentRef) -> bytes:
        row = await record.file(user_id, FileID(ref.file_id))
        if row is None:
            raise NotFound(f"the file {ref.name} was deleted")
        return row.body

    return read


def _history_reader(record: Record, user_id: UserID) -> ReadHistory:
    async def read(request: RunRequest, limit: int) -> list[HistoryMessage]:
        rows = await record.messages(
            user_id, request.thread_id, limit=limit, before=request.message_id
        )
        return [HistoryMessage(role=row.role, content=row.content) for row in rows]

    return read
