"""What happens when a child ends: restart types, intensity, and the one crash boundary.

The restart *strategy* is not an option here, it is the shape of the nurseries. One `supervise`
loop per child is one_for_one; one around a nursery of children is one_for_all.
"""

import enum
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import final

import attrs
import structlog
import trio

from netra_actors.errors import RestartIntensityExceeded

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Restart(enum.Enum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """After a crash; a normal end is the end."""
    TEMPORARY = "temporary"
    """Never."""

    def applies(self, *, crashed: bool) -> bool:
        """Say whether a child of this type is started again."""
        return self is Restart.PERMANENT or (self is Restart.TRANSIENT and crashed)


def _one_over_the_intensity(budget: "RestartBudget") -> deque[float]:
    # One more than the intensity is all that the question "too many?" needs.
    return deque(maxlen=budget.intensity + 1)


@final
@attrs.define
class RestartBudget:
    """At most `intensity` restarts within any `period_s` seconds."""

    intensity: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    period_s: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    _restarts: deque[float] = attrs.field(
        init=False, repr=False, default=attrs.Factory(_one_over_the_intensity, takes_self=True)
    )

    def spend(self, *, now: float) -> None:
        """Count one restart at time *now* (seconds of any clock that does not go back).

        Raises:
            RestartIntensityExceeded: this restart is one too many.
        """
        self._restarts.append(now)
        while self._restarts[0] < now - self.period_s:
            self._restarts.popleft()
        if len(self._restarts) > self.intensity:
            raise RestartIntensityExceeded(
                f"more than {self.intensity} restarts within {self.period_s} s"
            )

    def unspent(self) -> "RestartBudget":
        """Return the same budget with nothing counted yet."""
        return RestartBudget(self.intensity, self.period_s)


@final
@attrs.frozen(kw_only=True)
class Node:
    """One line of a tree snapshot: an actor or a supervisor as it was at that moment."""

    name: str
    kind: str = "actor"
    state: str = "running"
    restarts: int = 0
    since_s: float = 0.0
    """For how many seconds it has been in `state`."""
    children: tuple["Node", ...] = ()
    detail: Mapping[str, object] = attrs.field(factory=dict)
    """Facts for the one who looks: depth of a mailbox, the last error, ..."""


@final
@attrs.frozen
class ChildSpec:
    """How a child runs and what follows its end."""

    name: str
    run: Callable[[], Awaitable[None]]
    """Called anew for each start; what must survive a restart lives outside of it."""
    restart: Restart = Restart.TRANSIENT
    budget: RestartBudget = attrs.field(factory=RestartBudget)
    """The policy. Each `supervise` counts for itself, so specs may share it."""
    backoff_s: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Pause before each restart."""
    kind: str = "actor"
    """What a tree snapshot calls it."""
    describe: Callable[[], Sequence[Node]] | None = None
    """Gives the nodes below this child for a tree snapshot; synchronous, must not raise."""


async def supervise(
    spec: ChildSpec,
    *,
    on_crash: Callable[[Exception], None] | None = None,
    on_restart: Callable[[int], None] | None = None,
) -> None:
    """Run a child until its restart type lets it stay down.

    A crash is logged as `child_crashed` and goes no further. So does a crash while the child
    is being cancelled: it is logged, and the cancellation goes on.

    Args:
        spec: the child.
        on_crash: called synchronously with each crash, the last one included. What it raises
            ends the supervision.
        on_restart: called synchronously before each restart with the number of restarts so far.

    Cancellation: passes straight through to the child; a cancelled child is neither a crash
    nor a restart.

    Raises:
        RestartIntensityExceeded: the child ended faster than its budget allows; raised from
            the crash, if the last end was one.
    """
    budget = spec.budget.unspent()
    restarts = 0
    while True:
        crash = await _run_once(spec, restarts, on_crash)
        # A child that crashed because it was cancelled is not one that crashes too often.
        await trio.lowlevel.checkpoint_if_cancelled()
        if not spec.restart.applies(crashed=crash is not None):
            return
        try:
            budget.spend(now=trio.current_time())
        except RestartIntensityExceeded as exceeded:
            raise exceeded from crash
        await trio.sleep(spec.backoff_s)
        restarts += 1
        if on_restart is not None:
            on_restart(restarts)


async def _run_once(
    spec: ChildSpec, restarts: int, on_crash: Callable[[Exception], None] | None
) -> Exception | None:
    crash: Exception
    cancelled: BaseException | None = None
    try:
        await spec.run()
    except Exception as error:  # noqa: BLE001  the crash boundary: the one broad except
        crash = error
    except BaseExceptionGroup as group:
        cancelled, rest = group.split(trio.Cancelled)
        if cancelled is None or not isinstance(rest, Exception):
            raise
        crash = rest
    else:
        return None
    log.error("child_crashed", name=spec.name, restarts=restarts, exc_info=crash)
    if on_crash is not None:
        on_crash(crash)
    if cancelled is not None:
        # The crash has been heard; only the cancellation belongs to the scope above.
        raise cancelled
    return crash
