"""The message service: carries out what users ask of their session.

Each method first awaits whatever it has to know, then decides and appends without waiting, so
that a command is either accepted as a whole or refused as a whole.
"""

from collections.abc import Sequence
from typing import Any, Final, final

import attrs
import trio

from netra_actors.agents.registry import AgentRegistry
from netra_actors.errors import Busy, Conflict, InvalidField, NotFound, RecordUnavailable
from netra_actors.identity import (
    FileID,
    MessageID,
    RunID,
    ThreadID,
    UnifiedIdGenerator,
)
from netra_actors.log.port import Record
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol.commands import SendMessage, StopAgent
from netra_actors.protocol.events import AttachmentRef, RunSuperseded, UserMessage
from netra_actors.protocol.runs import Phase
from netra_actors.sessions.directory import Envelope
from netra_actors.sessions.engine import ExecutionEngine
from netra_actors.sessions.idempotency import FirstAnswers
from netra_actors.sessions.queue import RunRequest
from netra_actors.sessions.router import Effect
from netra_actors.sessions.stops import STOP_LOOKUP_S, Stop, Stops
from netra_actors.sessions.threads import Threads

MAX_ATTACHMENTS: Final = 10


@final
@attrs.frozen(eq=False, kw_only=True)
class MessageHandlerService:
    """Messages and stops of one session."""

    log: SessionLog
    record: Record
    ids: UnifiedIdGenerator
    agents: AgentRegistry
    engine: ExecutionEngine
    threads: Threads
    answers: FirstAnswers
    stops: Stops = attrs.field(factory=Stops)

    async def send_message(self, envelope: Envelope, command: SendMessage) -> Effect:
        """Accept a message and start its run, or let it wait.

        Raises:
            NotFound: the thread, the agent or an attachment.
            Conflict: policy ``reject`` and the thread has a run.
            QueueFull: as many wait as may.
            Busy: too much of the session is uncommitted.
        """
        thread_id = await self._thread_of(envelope, command)
        await self._check_message_id(command.message_id)
        attachments = await self._attachments(command.attachments)
        agent = self.agents.get(command.agent)
        if self.log.uncommitted_bytes > self.log.limits.wait_bytes:
            raise Busy("more of this session waits for the record than may", retry_after_s=1.0)
        open_runs = self._check_policy(envelope, command, thread_id)
        if thread_id is None:
            thread_id = self.threads.create_for(command.content)
        if envelope.origin is not None:
            envelope.origin.thread_id = thread_id
        request = RunRequest(
            run_id=self.ids.generate_run_id(),
            thread_id=thread_id,
            message_id=MessageID(command.message_id or self.ids.generate_message_id()),
            agent=agent.name,
            content=command.content,
            context=envelope.context,
            attachments=attachments,
            priority=command.priority,
            queued_at=trio.current_time(),
        )
        return self._accept(envelope, command, request, open_runs)

    async def _thread_of(self, envelope: Envelope, command: SendMessage) -> ThreadID | None:
        if command.thread_id is not None:
            return (await self.threads.require(ThreadID(command.thread_id))).thread_id
        implied = envelope.origin.thread_id if envelope.origin is not None else None
        if implied is None:
            return None
        try:
            return (await self.threads.require(implied)).thread_id
        except NotFound:
            return None  # Deleted meanwhile: the message begins a new one.

    async def _check_message_id(self, message_id: str | None) -> None:
        """Refuse the id of a run: its answer is a message under that id."""
        if message_id is None or not message_id.startswith("run_"):
            return
        known = message_id in self.log.lifecycle.runs
        if known or await self.record.run(self.log.user_id, RunID(message_id)) is not None:
            raise Conflict(f"{message_id} is a run's id", field="message_id")

    async def _attachments(self, file_ids: Sequence[str]) -> tuple[AttachmentRef, ...]:
        if len(file_ids) > MAX_ATTACHMENTS:
            raise InvalidField(f"at most {MAX_ATTACHMENTS} files a message", field="attachments")
        found = []
        for file_id in file_ids:
            row = await self.record.file(self.log.user_id, FileID(file_id))
            if row is None:
                raise NotFound(f"there is no file {file_id}", field="attachments")
            found.append(AttachmentRef(file_id=file_id, name=row.name, bytes=len(row.body)))
        return tuple(found)

    def _check_policy(
        self, envelope: Envelope, command: SendMessage, thread_id: ThreadID | None
    ) -> list[RunID]:
        """Return the thread's open runs if the message may come beside them."""
        if thread_id is None:
            thread_id = ThreadID("")
        open_runs = self.engine.runs_of(thread_id=thread_id)
        if command.policy == "reject" and open_runs:
            raise Conflict("this thread has a run under way", run_id=open_runs[0])
        if command.policy != "interrupt" or not open_runs:
            self.engine.check_room(thread_id, envelope.context.plan)
        return open_runs if command.policy == "interrupt" else []

    def _accept(
        self,
        envelope: Envelope,
        command: SendMessage,
        request: RunRequest,
        superseded: Sequence[RunID],
    ) -> Effect:
        payload = UserMessage(
            content=request.content,
            priority=command.priority,
            policy=command.policy,
            attachments=request.attachments or None,
            agent=request.agent,
        )
        at = self.log.append(
            payload,
            thread_id=request.thread_id,
            run_id=request.run_id,
            message_id=request.message_id,
        ).seq
        self.threads.touch(request.thread_id)
        stop = self.stops.find(request.message_id, request.thread_id, envelope.arrival)
        if stop is not None:
            self.engine.close_unstarted(request, stop.by)
        else:
            self._supersede(superseded, by=request.message_id)
            # What waits for nothing but the end of those it replaces is not said to wait.
            announce = not superseded or self.engine.is_free(request.thread_id)
            self.engine.submit(request, announce=announce)
        fields = {
            "message_id": request.message_id,
            "thread_id": request.thread_id,
            "run_id": request.run_id,
        }
        return Effect(fields, at)

    def _supersede(self, runs: Sequence[RunID], *, by: MessageID) -> None:
        for run_id in runs:
            state = self.log.lifecycle.runs.get(run_id)
            if state is None or state.phase is Phase.FAILING:
                continue  # Nothing may be said of it but its terminal.
            self.log.append(
                RunSuperseded(by=by),
                thread_id=state.thread_id,
                run_id=run_id,
                message_id=state.message_id,
            )
        self.engine.stop(runs, "superseded", f"by message {by}")

    async def stop(self, envelope: Envelope, command: StopAgent) -> Effect:
        """Stop runs, in one step; runs of messages that are still on their way too.

        Raises:
            NotFound: no such run or thread of this user.
        """
        if command.run_id is not None:
            runs = await self._named_run(RunID(command.run_id))
        elif command.message_id is not None and await self._is_target(command):
            return await self._stop_message(envelope, MessageID(command.message_id))
        elif command.thread_id is not None:
            thread_id = ThreadID(command.thread_id)
            if not self.engine.runs_of(thread_id=thread_id):
                # Only then: a stop must not wait for a record that is away.
                await self.threads.require(thread_id)
            runs = self.engine.runs_of(thread_id=thread_id)
            self._remember(envelope, before=envelope.arrival, thread_id=thread_id)
        else:
            runs = self.engine.runs_of(include_all=True)
            self._remember(envelope, before=envelope.arrival)
        return self._stopped(envelope, runs)

    def _stopped(self, envelope: Envelope, runs: Sequence[RunID]) -> Effect:
        self.engine.stop(runs, envelope.by)
        # A run that is being stopped already counts: it is stopping.
        fields: dict[str, Any] = {"stopped": list(runs)} if runs else {"noop": True}
        return Effect(fields, self.log.head)

    async def _named_run(self, run_id: RunID) -> list[RunID]:
        state = self.log.lifecycle.runs.get(run_id)
        if state is None:
            if await self.record.run(self.log.user_id, run_id) is None:
                raise NotFound(f"there is no run {run_id}", field="run_id")
            return []
        # A sub-run ends with the run that started it, which is what a person means by stop.
        while state.parent_run_id is not None:
            state = self.log.lifecycle.runs[state.parent_run_id]
        return [RunID(state.run_id)]

    async def _is_target(self, command: StopAgent) -> bool:
        """Whether `message_id` names a message to stop, and not the stop command itself."""
        if command.thread_id is None and not command.all:
            return True
        message_id = MessageID(command.message_id or "")
        if self.engine.runs_of(message_id=message_id):
            return True
        try:
            with trio.move_on_after(STOP_LOOKUP_S):
                return await self.answers.knows(message_id)
        except RecordUnavailable:
            pass  # Then it stops what else the command names, which may be more but never less.
        return False

    async def _stop_message(self, envelope: Envelope, message_id: MessageID) -> Effect:
        runs = self.engine.runs_of(message_id=message_id)
        if runs or await self.answers.knows(message_id):
            effect = self._stopped(envelope, runs)
            return Effect(effect.fields, effect.at, keep=False)
        self._remember(envelope, message_id=message_id)
        return Effect({"pending": True}, self.log.head, keep=False)

    def _remember(
        self,
        envelope: Envelope,
        *,
        before: int | None = None,
        message_id: MessageID | None = None,
        thread_id: ThreadID | None = None,
    ) -> None:
        self.stops.remember(
            Stop(
                by=envelope.by,
                at=trio.current_time(),
                before=before,
                message_id=message_id,
                thread_id=thread_id,
            )
        )
