"""The inbox of one actor: a bounded deque and a single parked consumer.

There is no channel and no event per message: a put appends and, only if the consumer sleeps,
reschedules it. So a burst costs one trip through the scheduler, not one per message. Who is
full is told at once (`MailboxFull`); nothing waits to put, nothing is dropped.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar, final

import attrs
import trio

from netra_actors.actors.reply import Reply
from netra_actors.errors import ActorStopped, MailboxFull

__all__ = ["MESSAGES_PER_YIELD", "ActorRef", "Mailbox", "Reply"]

M = TypeVar("M")
T = TypeVar("T")

MESSAGES_PER_YIELD: Final = 32
"""How many messages a consumer may take in a row before `get` lets other tasks run."""


@final
class Mailbox(Generic[M]):
    """A bounded inbox with two classes of messages and one reader.

    Urgent messages overtake all others; inside each class the order of the puts is kept. Each
    class has its own bound, so that a flood of ordinary messages cannot keep a stop out, and
    a flood of stops cannot take the room of the messages. It belongs to the trio thread.

    Args:
        name: the actor's name, for errors.
        capacity: how many ordinary messages may wait.
        urgent_capacity: how many urgent ones; by default a quarter of *capacity*, at least one.

    Raises:
        ValueError: a capacity is below one.
    """

    __slots__ = (
        "_closed",
        "_consumer",
        "_ordinary",
        "_taken_in_a_row",
        "_urgent",
        "capacity",
        "name",
        "urgent_capacity",
    )

    def __init__(self, name: str, capacity: int, *, urgent_capacity: int | None = None) -> None:
        if urgent_capacity is None:
            urgent_capacity = max(1, capacity // 4)
        if capacity < 1 or urgent_capacity < 1:
            raise ValueError("a mailbox holds at least one message of each class")
        self.name = name
        self.capacity = capacity
        self.urgent_capacity = urgent_capacity
        self._ordinary: deque[M] = deque()
        self._urgent: deque[M] = deque()
        self._consumer: trio.lowlevel.Task | None = None
        self._taken_in_a_row = 0
        self._closed = False

    def __repr__(self) -> str:
        """Say who it is and how full."""
        state = " closed" if self._closed else ""
        return f"<Mailbox {self.name} {len(self)}/{self.capacity}{state}>"

    def __len__(self) -> int:
        return len(self._ordinary) + len(self._urgent)

    def __bool__(self) -> bool:
        """Stay true when empty: a mailbox is a thing, not a list."""
        return True

    @property
    def depth(self) -> int:
        """How many messages wait, of both classes."""
        return len(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def put_nowait(self, message: M, *, urgent: bool = False) -> None:
        """Put *message* in, behind the others of its class.

        Raises:
            MailboxFull: its class is at its bound; the mailbox is unchanged.
            ActorStopped: the mailbox is closed.
        """
        if self._closed:
            raise ActorStopped(f"{self.name} has stopped")
        if urgent:
            queue, bound = self._urgent, self.urgent_capacity
        else:
            queue, bound = self._ordinary, self.capacity
        if len(queue) >= bound:
            raise MailboxFull(self.name, bound)
        queue.append(message)
        self._wake()

    async def get(self) -> M:
        """Take the next message, urgent ones first; wait while there is none.

        Always a point of cancellation. It yields to the scheduler when it has to wait, and
        otherwise every `MESSAGES_PER_YIELD` messages, not each time: a checkpoint costs ten
        times what the message does.

        Cancellation: if cancelled, no message was taken.

        Raises:
            ActorStopped: the mailbox is closed and empty.
            trio.BusyResourceError: another task waits here already.
        """
        if self._taken_in_a_row >= MESSAGES_PER_YIELD:
            self._taken_in_a_row = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        while not (self._urgent or self._ordinary):
            if self._closed:
                raise ActorStopped(f"{self.name} has stopped")
            await self._wait_for_put()
        self._taken_in_a_row += 1
        return (self._urgent or self._ordinary).popleft()

    def __aiter__(self) -> "Mailbox[M]":
        """Iterate over the messages as `get` returns them, until closed and empty.

        So a loop over a closed mailbox is a normal end of its actor, and no crash.
        """
        return self

    async def __anext__(self) -> M:
        try:
            return await self.get()
        except ActorStopped:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Refuse further puts; `get` hands out what is left and then raises. Idempotent."""
        self._closed = True
        self._wake()

    def drain_remaining(self) -> list[M]:
        """Take all that is unread, in the order in which `get` would have.

        For the one who ends the actor for good, to refuse these messages politely. Close the
        mailbox first, or more may arrive.
        """
        remaining = [*self._urgent, *self._ordinary]
        self._urgent.clear()
        self._ordinary.clear()
        return remaining

    def _wake(self) -> None:
        # Cleared here, not by the consumer: it must be rescheduled once, however many puts
        # come before it runs.
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            trio.lowlevel.reschedule(consumer)

    async def _wait_for_put(self) -> None:
        if self._consumer is not None:
            raise trio.BusyResourceError(f"another task reads the mailbox of {self.name}")
        self._taken_in_a_row = 0
        self._consumer = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort_wait)

    def _abort_wait(self, _raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
        self._consumer = None
        return trio.lowlevel.Abort.SUCCEEDED


@final
@attrs.frozen(eq=False)
class ActorRef(Generic[M]):
    """Sends messages to one actor; safe to share between tasks."""

    _mailbox: Mailbox[M]

    @property
    def name(self) -> str:
        """The actor's name."""
        return self._mailbox.name

    def tell(self, message: M, *, urgent: bool = False) -> None:
        """Send *message* and go on.

        Raises:
            MailboxFull: the actor has as much unread work as it may have.
            ActorStopped: the actor has stopped.
        """
        self._mailbox.put_nowait(message, urgent=urgent)

    async def ask(self, build: Callable[[Reply[T]], M], *, urgent: bool = False) -> T:
        """Send the message that *build* makes around a `Reply`, and wait for the answer.

        There is no timeout here: write `with trio.fail_after(...)` around the call. Ask only
        downwards (an actor that asks one that may ask back waits for itself).

        Cancellation: if cancelled, the message is sent and will be handled; its answer is
        discarded.

        Raises:
            MailboxFull: the actor has as much unread work as it may have.
            ActorStopped: the actor has stopped, or ended without an answer.
            Exception: whatever the actor gave to `Reply.fail`.
        """
        reply: Reply[T] = Reply()
        self._mailbox.put_nowait(build(reply), urgent=urgent)
        return await reply.wait()
