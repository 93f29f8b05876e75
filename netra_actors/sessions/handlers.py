"""The built-in handlers: agents, threads, history.

`AgentHandler` decides whether a message may run now (quota, policy), and the message service
does it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs

from netra_actors.errors import LogFull, RateLimited, Unavailable
from netra_actors.identity import ThreadID, UserExecutionContext
from netra_actors.log.port import Record, ThreadRow
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol import commands as c
from netra_actors.sessions.directory import Envelope
from netra_actors.sessions.engine import ExecutionEngine
from netra_actors.sessions.router import Effect
from netra_actors.sessions.service import MessageHandlerService
from netra_actors.sessions.threads import Threads

LISTED: Final = 100

TakeMessage = Callable[[UserExecutionContext], float]
"""Counts one message of the user; returns 0.0, or the seconds to wait."""
Finish = Callable[[Envelope, Effect], None]


@final
@attrs.define(eq=False)
class AgentHandler:
    """Takes `user_message` and `stop_agent`.

    Attributes:
        messages: messages accepted.
        stops: stops carried out.
        limited: messages refused because of the plan's rate.
    """

    _service: MessageHandlerService
    _take_message: TakeMessage
    messages: int = attrs.field(default=0, init=False)
    stops: int = attrs.field(default=0, init=False)
    limited: int = attrs.field(default=0, init=False)

    def can_handle(self, command: c.Command) -> bool:
        """Whether it is a message or a stop."""
        return isinstance(command, c.SendMessage | c.StopAgent)

    async def handle(self, envelope: Envelope) -> Effect:
        """Carry it out.

        Raises:
            RateLimited: more messages than the plan allows.
            ClientError: what the service says.
        """
        command = envelope.decoded.command
        if isinstance(command, c.StopAgent):
            effect = await self._service.stop(envelope, command)
            self.stops += 1
            return effect
        assert isinstance(command, c.SendMessage)  # noqa: S101  # can_handle said so
        self._check_rate(envelope.context)
        effect = await self._service.send_message(envelope, command)
        self.messages += 1
        return effect

    def _check_rate(self, context: UserExecutionContext) -> None:
        wait_s = self._take_message(context)
        if wait_s > 0:
            self.limited += 1
            raise RateLimited(
                f"more messages than the plan {context.plan!r} allows",
                retry_after_s=round(wait_s, 1),
            )


def thread_json(row: ThreadRow) -> Mapping[str, Any]:
    """Return a thread as the wire has it."""
    return attrs.asdict(row)


@final
@attrs.frozen(eq=False, kw_only=True)
class ThreadHandler:
    """Takes the commands about threads, and their history."""

    log: SessionLog
    record: Record
    threads: Threads
    engine: ExecutionEngine
    finish: Finish

    def can_handle(self, command: c.Command) -> bool:
        """Whether it is about threads."""
        return isinstance(
            command,
            c.ListThreads
            | c.CreateThread
            | c.RenameThread
            | c.DeleteThread
            | c.SwitchThread
            | c.GetThreadHistory,
        )

    async def handle(self, envelope: Envelope) -> Effect | None:
        """Carry it out.

        Raises:
            NotFound: no such thread of this user.
        """
        match envelope.decoded.command:
            case c.ListThreads():
                return await self._list()
            case c.CreateThread(title=title):
                thread_id = self.threads.create(title)
                return await self._thread(thread_id)
            case c.RenameThread(thread_id=thread_id, title=title):
                await self.threads.require(ThreadID(thread_id))
                self.threads.rename(ThreadID(thread_id), title)
                return await self._thread(ThreadID(thread_id))
            case c.SwitchThread(thread_id=thread_id):
                return await self._switch(envelope, ThreadID(thread_id))
            case c.GetThreadHistory() as command:
                return await self._history(command)
            case c.DeleteThread(thread_id=thread_id):
                await self._delete(envelope, ThreadID(thread_id))
                return None
            case _:
                raise TypeError(f"{envelope.decoded.re} is not for this handler")

    async def _thread(self, thread_id: ThreadID) -> Effect:
        at = self.log.head
        row = await self.threads.require(thread_id)
        return Effect({"thread": thread_json(row)}, at)

    async def _switch(self, envelope: Envelope, thread_id: ThreadID) -> Effect:
        effect = await self._thread(thread_id)
        if envelope.origin is not None:
            envelope.origin.thread_id = thread_id
        return Effect(effect.fields, effect.at, keep=False)

    async def _list(self) -> Effect:
        at = self.log.committed
        rows = await self.record.threads(self.log.user_id, limit=LISTED)
        return Effect({"threads": [thread_json(row) for row in rows]}, at)

    async def _history(self, command: c.GetThreadHistory) -> Effect:
        thread_id = ThreadID(command.thread_id)
        await self.threads.require(thread_id)
        at = self.log.committed
        rows = await self.record.messages(
            self.log.user_id, thread_id, limit=command.limit, before=command.before
        )
        messages = [attrs.asdict(row) for row in rows]
        return Effect({"thread_id": thread_id, "messages": messages}, at)

    async def _delete(self, envelope: Envelope, thread_id: ThreadID) -> None:
        thread = await self.threads.require(thread_id)
        runs = self.engine.runs_of(thread_id=thread_id)
        # Nothing new may begin in it while its runs end.
        self.threads.forget(thread_id)

        def delete() -> None:
            try:
                self.threads.delete(thread_id, thread.title)
            except LogFull as full:
                self.threads.restore(thread)
                envelope.answer(Unavailable(str(full), retry_after_s=1.0))
            else:
                self.finish(envelope, Effect({"thread_id": thread_id}, self.log.head))

        try:
            self.engine.stop(runs, envelope.by, "its thread was deleted")
        except LogFull:
            self.threads.restore(thread)
            raise
        self.engine.when_ended(runs, delete)
