"""The answer to one question: settled once by an actor, awaited by one task.

Whoever takes a message with a `Reply` out of a mailbox owes it an answer, else its asker waits
for ever. `with reply:` around the handling pays that debt whatever happens inside.
"""

from types import TracebackType
from typing import Generic, TypeVar, cast, final

import trio

from netra_actors.errors import ActorStopped

T = TypeVar("T")


@final
class Reply(Generic[T]):
    """A value or an error that will come, once.

    Used as a context manager by the one who answers, it fails with `ActorStopped` if the block
    is left without an answer: by an exception, by cancellation, or by forgetting.
    """

    __slots__ = ("_abandoned", "_awaited", "_error", "_settled", "_value", "_waiter")

    def __init__(self) -> None:
        self._value: T | None = None
        self._error: Exception | None = None
        self._settled = False
        self._abandoned = False
        self._awaited = False
        self._waiter: trio.lowlevel.Task | None = None

    @property
    def settled(self) -> bool:
        """Whether `set` or `fail` was called."""
        return self._settled

    @property
    def abandoned(self) -> bool:
        """Whether the asker was cancelled: work done only for the answer may be left out."""
        return self._abandoned

    def set(self, value: T) -> None:
        """Answer with *value*. Discarded when the asker was cancelled.

        Raises:
            RuntimeError: it is settled already.
        """
        self._settle()
        if not self._abandoned:
            self._value = value

    def fail(self, error: Exception) -> None:
        """Answer with *error*, raised in the asker. Discarded when the asker was cancelled.

        Do not raise the same object anywhere else: tracebacks of two tasks would mix.

        Raises:
            RuntimeError: it is settled already.
        """
        self._settle()
        if not self._abandoned:
            self._error = error

    async def wait(self) -> T:
        """Return the value, or raise the error. To be called once.

        Cancellation: if cancelled, the reply is abandoned and the later answer is discarded.

        Raises:
            RuntimeError: it was awaited before.
        """
        if self._awaited:
            raise RuntimeError("a reply has one waiter, once")
        self._awaited = True
        if self._settled:
            await trio.lowlevel.checkpoint()
        else:
            self._waiter = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort_wait)
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return cast("T", self._value)

    def __enter__(self) -> "Reply[T]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._settled:
            self.fail(ActorStopped("the actor ended its work on this without an answer"))

    def _settle(self) -> None:
        if self._settled:
            raise RuntimeError("a reply is settled once")
        self._settled = True
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            trio.lowlevel.reschedule(waiter)

    def _abort_wait(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiter = None
        self._abandoned = True
        return trio.lowlevel.Abort.SUCCEEDED
