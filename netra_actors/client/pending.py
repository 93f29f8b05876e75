"""Commands under way: each is sent again on every new connection until it is answered.

Bound: 256; beyond it a command is refused (`Busy`), here, before anything was sent.
"""

from typing import Any, Final, final

import attrs
import trio

from netra_actors.errors import Busy, ClientError

BOUND: Final = 256


@final
@attrs.define(eq=False)
class PendingCommand:
    """One command and the place where its answer will be."""

    command_id: str
    frame: str
    sent: bool = False
    """On this connection."""
    _done: trio.Event = attrs.field(factory=trio.Event, init=False)
    _answer: dict[str, Any] | Exception | None = attrs.field(default=None, init=False)

    def settle(self, answer: dict[str, Any] | Exception) -> None:
        """Give the answer to whoever waits."""
        self._answer = answer
        self._done.set()

    async def wait_answer(self) -> dict[str, Any]:
        """Return the fields of the answer, or raise the error that it is."""
        await self._done.wait()
        if isinstance(self._answer, Exception):
            raise self._answer
        assert self._answer is not None  # noqa: S101 - settled means answered
        return self._answer


@final
@attrs.define(eq=False)
class PendingCommands:
    """All commands under way, in the order in which they were given."""

    _commands: dict[str, PendingCommand] = attrs.field(factory=dict, init=False)

    def add(self, command_id: str, frame: str) -> PendingCommand:
        """Take a command on.

        Raises:
            Busy: 256 are under way.
        """
        if len(self._commands) >= BOUND:
            raise Busy(f"{BOUND} commands of this client wait for their answers")
        pending = self._commands[command_id] = PendingCommand(command_id, frame)
        return pending

    def forget(self, pending: PendingCommand) -> None:
        """Nobody waits for *pending* any more: it is not sent again."""
        if self._commands.get(pending.command_id) is pending:
            del self._commands[pending.command_id]

    def settle(self, command_id: str, answer: dict[str, Any] | ClientError) -> bool:
        """Answer a command; False when none with this id is under way."""
        pending = self._commands.pop(command_id, None)
        if pending is None:
            return False
        pending.settle(answer)
        return True

    def reconnected(self) -> None:
        """Everything has to be sent again."""
        for pending in self._commands.values():
            pending.sent = False

    def take_unsent(self) -> list[str]:
        """Return the frames that this connection has not carried yet, and mark them sent."""
        unsent = [pending for pending in self._commands.values() if not pending.sent]
        for pending in unsent:
            pending.sent = True
        return [pending.frame for pending in unsent]

    @property
    def has_unsent(self) -> bool:
        """Whether `take_unsent` would return something."""
        return any(not pending.sent for pending in self._commands.values())

    def fail_all(self, error: Exception) -> None:
        """Answer everything with *error*."""
        for pending in list(self._commands.values()):
            pending.settle(error)
        self._commands.clear()

    def __len__(self) -> int:
        return len(self._commands)
