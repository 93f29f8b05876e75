"""The `Session` that `connect` gives: what a user of the client sees and can do."""

from collections.abc import Sequence
from typing import Any, Final, Self, final

import attrs
import msgspec

from netra_actors.client.actions import Applied, Update
from netra_actors.client.asking import Answer
from netra_actors.client.encoding import encode_command, encode_rpc
from netra_actors.client.http import HttpApi
from netra_actors.client.hub import Hub
from netra_actors.client.reconnect import Reconnector
from netra_actors.client.subscription import Subscription
from netra_actors.errors import MessageTooLarge
from netra_actors.identity import UnifiedIdGenerator
from netra_actors.protocol.commands import (
    Command,
    CreateThread,
    Cursor,
    DeleteThread,
    GetThreadHistory,
    ListThreads,
    Ping,
    RenameThread,
    SendMessage,
    StopAgent,
    SwitchThread,
    Typing,
)
from netra_actors.protocol.controls import Welcome
from netra_actors.protocol.events import Event, Policy, Priority
from netra_actors.protocol.state import State
from netra_actors.protocol.text import check_text

_PASTE_BEGINS: Final = 500
_KEYED: Final = (SendMessage, CreateThread, RenameThread, DeleteThread)
"""The commands whose repetition must start nothing: they carry a `message_id`."""


@final
@attrs.define(eq=False)
class Events:
    """An iterator over log events as they are applied; see `Session.events`."""

    _updates: Subscription[Update]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            update = await self._updates.__anext__()
            if isinstance(update, Applied):
                return update.event


@final
@attrs.define(eq=False)
class Session:
    """One user's session on the service, over as many connections as it takes. From `connect`."""

    _hub: Hub
    _loop: Reconnector
    http: HttpApi
    """The service's HTTP API in the same user's name."""
    _ids: UnifiedIdGenerator = attrs.field(factory=UnifiedIdGenerator, init=False)

    # --- what is

    @property
    def state(self) -> State:
        """The fold of the log up to `cursor`; a snapshot replaces the object."""
        return self._hub.core.state

    @property
    def cursor(self) -> Cursor | None:
        """Where `state` is in the log; keep it beside the state, and never without."""
        return self._hub.core.cursor

    @property
    def welcome(self) -> Welcome:
        """The service's last greeting: user, plan, limits, and the log's head at that time."""
        assert self._hub.welcome is not None  # noqa: S101 - `connect` waits for the first one
        return self._hub.welcome

    @property
    def user_id(self) -> str:
        """Who the service says this is."""
        return self.welcome.user_id

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._hub.connected

    def events(self) -> Events:
        """Return an iterator over the log events that are applied from now on.

        It ends with the session. Left unread it holds 10,000 events, then raises `ReaderTooSlow`
        while the session goes on. Events that a snapshot stands for are not in it: `updates`
        says so, `state` has their effect.
        """
        return Events(self.updates())

    def updates(self) -> Subscription[Update]:
        """Return an iterator like `events`, over everything: snapshots, typing, connections."""
        return self._hub.subscribe()

    # --- what can be done

    def ask(
        self,
        content: str,
        *,
        thread_id: str | None = None,
        agent: str | None = None,
        priority: Priority = "normal",
        policy: Policy = "enqueue",
        attachments: Sequence[str] = (),
        message_id: str | None = None,
    ) -> Answer:
        """Ask an agent; returns an iterator over the events of the run that this starts.

        Without *thread_id*: the current thread, else a new one. *attachments* are file_ids. Text
        that does not fit into a message is uploaded as a file and attached. A *message_id* of an
        earlier `ask` asks nothing again and gives that run's events.
        """
        check_text(content, "content")
        message_id = message_id or self._ids.generate_message_id()
        command = SendMessage(
            message_id=message_id,
            content=content,
            thread_id=thread_id,
            agent=agent,
            priority=priority,
            policy=policy,
            attachments=tuple(attachments),
        )
        return Answer(
            command, self._deliver, self._hub.subscribe, self._replay, self._is_open, message_id
        )

    async def send(self, command: Command) -> dict[str, Any]:
        """Send *command* and return the fields of its `ok`.

        It is sent again on every new connection until it is answered. Cancellation: it may or
        may not have been executed; sent again with the same `message_id`, it starts nothing new.

        Raises:
            ClientError: the service refuses it (the subclass says why).
            SessionEnded: the session is over.
        """
        key = command.message_id or self._ids.generate_message_id()
        if isinstance(command, _KEYED):
            frame = encode_command(msgspec.structs.replace(command, message_id=key))
        else:
            key = self._ids.generate("rpc")
            frame = encode_rpc(command, key)
        if (size := len(frame.encode())) > self._max_message_bytes:
            raise MessageTooLarge(f"the message has {size} bytes of {self._max_message_bytes}")
        pending = self._hub.submit(key, frame)
        try:
            return await pending.wait_answer()
        finally:
            self._hub.pending.forget(pending)

    async def stop(
        self,
        *,
        run_id: str | None = None,
        message_id: str | None = None,
        thread_id: str | None = None,
        all: bool = False,  # noqa: A002 - the protocol's name
    ) -> dict[str, Any]:
        """Stop one run, a message's run, a thread's runs or all; returns `stopped` or `noop`."""
        return await self.send(
            StopAgent(run_id=run_id, message_id=message_id, thread_id=thread_id, all=all)
        )

    async def threads(self) -> list[dict[str, Any]]:
        """Return the user's threads, newest first."""
        return list((await self.send(ListThreads()))["threads"])

    async def history(
        self, thread_id: str, *, limit: int = 50, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest *limit* messages of a thread, or those before message *before*."""
        command = GetThreadHistory(thread_id=thread_id, limit=limit, before=before)
        return list((await self.send(command))["messages"])

    async def create_thread(self, title: str | None = None) -> dict[str, Any]:
        """Begin a thread; returns it."""
        return dict((await self.send(CreateThread(title=title)))["thread"])

    async def rename_thread(self, thread_id: str, title: str) -> None:
        """Give a thread another title."""
        await self.send(RenameThread(thread_id=thread_id, title=title))

    async def delete_thread(self, thread_id: str) -> None:
        """Delete a thread with all that is in it."""
        await self.send(DeleteThread(thread_id=thread_id))

    async def switch_thread(self, thread_id: str) -> None:
        """Make a thread the current one, also of connections to come."""
        await self.send(SwitchThread(thread_id=thread_id))
        self._loop.thread_id = thread_id

    async def ping(self) -> dict[str, Any]:
        """Ask the service for a sign of life; returns `head` and `sent`."""
        return await self.send(Ping())

    def typing(self, thread_id: str, is_typing: bool = True) -> None:
        """Tell the user's other connections; without a connection, nobody is told."""
        self._hub.send_once(encode_command(Typing(thread_id=thread_id, is_typing=is_typing)))

    # --- how asking works

    @property
    def _max_message_bytes(self) -> int:
        return self.welcome.limits.max_message_bytes

    async def _deliver(self, command: SendMessage) -> dict[str, Any]:
        if len(encode_command(command).encode()) > self._max_message_bytes:
            command = await self._as_attachment(command)
        reply = await self.send(command)
        self._loop.thread_id = reply.get("thread_id", self._loop.thread_id)
        return reply

    async def _as_attachment(self, command: SendMessage) -> SendMessage:
        data = command.content.encode()
        file = await self.http.upload("pasted.txt", data)
        note = f"[The whole text, {len(data)} bytes, is attached as pasted.txt.]"
        return msgspec.structs.replace(
            command,
            content=f"{command.content[:_PASTE_BEGINS]} ...\n\n{note}",
            attachments=(*command.attachments, file["file_id"]),
        )

    async def _replay(self, run_id: str, after: int) -> list[Event]:
        return await self.http.run_events(run_id, after=after)

    def _is_open(self, run_id: str) -> bool:
        return any(run["run_id"] == run_id for run in self.state.snapshot()["runs"])
