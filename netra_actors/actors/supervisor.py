"""A one_for_one supervisor: each child a task of its own, ended in reverse order.

Its children are shielded from a cancellation of the block around it, because trio cancels a
whole nursery at once; leaving the block is what stops them, right to left. A child beyond its
intensity is *quarantined*: it stays listed, and its siblings notice nothing.
"""

import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, final

import attrs
import structlog
import trio

from netra_actors.actors.restart import ChildSpec, Node, Restart, RestartBudget, supervise
from netra_actors.errors import ActorStopped, RestartIntensityExceeded

__all__ = [
    "ChildSpec",
    "Node",
    "Restart",
    "RestartBudget",
    "Supervisor",
    "open_supervisor",
    "supervise",
]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

QUARANTINE_CAPACITY: Final = 256
"""How many quarantined children stay listed; beyond it the oldest is forgotten."""

LAST_ERROR_CHARACTERS: Final = 500
"""How much of a child's last error a snapshot shows."""


@attrs.define(eq=False)
class _Child:
    spec: ChildSpec
    since: float
    state: str = "running"
    restarts: int = 0
    last_error: str | None = None
    # Ends by `Supervisor.stop_child` or with the block, both of which wait a bounded time.
    scope: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))
    ended: trio.Event = attrs.field(factory=trio.Event)

    def enter(self, state: str) -> None:
        self.state, self.since = state, trio.current_time()

    def crashed(self, error: Exception) -> None:
        self.last_error = f"{type(error).__name__}: {error}"[:LAST_ERROR_CHARACTERS]

    def restarted(self, restarts: int) -> None:
        self.restarts, self.since = restarts, trio.current_time()

    def stop(self) -> None:
        if self.state != "stopping":
            self.enter("stopping")
        self.scope.cancel(reason="stopped by its supervisor")

    def node(self) -> Node:
        return Node(
            name=self.spec.name,
            kind=self.spec.kind,
            state=self.state,
            restarts=self.restarts,
            since_s=trio.current_time() - self.since,
            children=tuple(self.spec.describe()) if self.spec.describe is not None else (),
            detail={} if self.last_error is None else {"last_error": self.last_error},
        )


@final
class Supervisor:
    """Starts, restarts, quarantines and stops named children; made by `open_supervisor`."""

    def __init__(self, name: str, nursery: trio.Nursery) -> None:
        self.name = name
        self._nursery = nursery
        # A child started from a request must not see that request's context variables.
        self._context = contextvars.copy_context()
        self._children: dict[str, _Child] = {}
        self._quarantined: dict[str, _Child] = {}
        self._stopping = False
        self._since = trio.current_time()

    def __len__(self) -> int:
        """Count the children that run."""
        return len(self._children)

    def start_child(self, spec: ChildSpec) -> None:
        """Start a child; its task begins at the next turn of the scheduler.

        A quarantined child of the same name gives way to it, with a new budget.

        Raises:
            ValueError: a child of this name runs or is being stopped.
            ActorStopped: the supervisor's block is being left.
        """
        if self._stopping:
            raise ActorStopped(f"{self.name} is stopping")
        if spec.name in self._children:
            raise ValueError(f"{self.name} has a child {spec.name} already")
        self._quarantined.pop(spec.name, None)
        child = self._children[spec.name] = _Child(spec, trio.current_time())
        start = partial(self._nursery.start_soon, name=f"{self.name}/{spec.name}")
        self._context.run(start, self._run, child)

    async def stop_child(self, name: str) -> bool:
        """Cancel a child and wait until it ended; forget it if it is quarantined.

        Cancellation: if cancelled, the child is being stopped all the same.

        Returns:
            False when there is no child of this name.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        child = self._children.get(name)
        if child is None:
            return self._quarantined.pop(name, None) is not None
        child.stop()
        await child.ended.wait()
        return True

    def snapshot(self) -> Node:
        """Return the tree below this supervisor as it is now, quarantined children included."""
        children = [*self._children.values(), *self._quarantined.values()]
        return Node(
            name=self.name,
            kind="supervisor",
            state="stopping" if self._stopping else "running",
            restarts=sum(child.restarts for child in children),
            since_s=trio.current_time() - self._since,
            children=tuple(child.node() for child in children),
            detail={"quarantined": len(self._quarantined)},
        )

    async def _run(self, child: _Child) -> None:
        try:
            with child.scope:
                await supervise(child.spec, on_crash=child.crashed, on_restart=child.restarted)
        except RestartIntensityExceeded:
            self._quarantine(child)
        finally:
            del self._children[child.spec.name]
            child.ended.set()

    def _quarantine(self, child: _Child) -> None:
        child.enter("quarantined")
        log.error(
            "child_quarantined",
            supervisor=self.name,
            name=child.spec.name,
            restarts=child.restarts,
            last_error=child.last_error,
        )
        self._quarantined[child.spec.name] = child
        if len(self._quarantined) > QUARANTINE_CAPACITY:
            del self._quarantined[next(iter(self._quarantined))]

    async def _stop_all(self, child_grace_s: float) -> None:
        for child in reversed(list(self._children.values())):
            child.stop()
            with trio.move_on_after(child_grace_s):
                await child.ended.wait()
            if not child.ended.is_set():
                log.error(
                    "child_overstays",
                    supervisor=self.name,
                    name=child.spec.name,
                    waited_s=child_grace_s,
                )

    def _close(self) -> None:
        self._stopping, self._since = True, trio.current_time()

    def _stop_at_once(self) -> None:
        for child in self._children.values():
            child.stop()


@asynccontextmanager
async def open_supervisor(
    name: str, *, child_grace_s: float = 5.0, block_grace_s: float = 20.0
) -> AsyncIterator[Supervisor]:
    """Supervise children for the length of the block.

    However the block is left (its end, an error, cancellation), its children are stopped one
    by one, the youngest first, each before the next. A child that has not ended after
    *child_grace_s* is logged as `child_overstays` and the next one is stopped. After
    *block_grace_s* all that are left are cancelled at once. Then the block waits for them:
    trio ends no task by force, so a child that shields itself lasts until its own shield ends.

    Args:
        name: the supervisor's name, for logs and snapshots.
        child_grace_s: how long the end of one child holds up the next.
        block_grace_s: how long the orderly part of the stop may take in all; it is shielded
            from cancellation.

    Cancellation: reaches the body of the block at once, the children in the order above.
    """
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(name, nursery)
        try:
            yield supervisor
        finally:
            supervisor._close()  # noqa: SLF001  the block is the other half of the class
            with trio.move_on_after(block_grace_s, shield=True):
                await supervisor._stop_all(child_grace_s)  # noqa: SLF001
            supervisor._stop_at_once()  # noqa: SLF001
