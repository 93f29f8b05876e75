"""Tools: functions that an agent calls through its run, so that everybody sees them work.

A sync tool runs in a thread of a small pool of its own, an async one in place. A thread cannot
be interrupted: when its run is cancelled the thread is abandoned, keeps its place in the pool
until it ends, and what it returns is dropped. It can emit nothing, for its run is closed.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, final

import attrs
import trio

from netra_actors.agents.values import builtins, describe_all
from netra_actors.errors import ConfigurationError


@final
@attrs.frozen(eq=False)
class Tool:
    """A tool as its author declared it; calling it calls the plain function."""

    name: str
    purpose: str
    fn: Callable[..., Any]
    idempotent: bool = False
    """Whether repeating a call whose outcome is unknown does no harm."""
    estimated_duration_ms: int | None = None
    summary: Callable[[Any], object] | None = None
    """Makes what `tool_completed.result` shows, for results that are too large to show."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the plain function."""
        return self.fn(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether it runs in place."""
        return inspect.iscoroutinefunction(self.fn)

    def parameters(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return what the call's arguments look like in an event: small and JSON.

        Raises:
            TypeError: the arguments do not fit the function.
        """
        bound = inspect.signature(self.fn).bind(*args, **kwargs)
        return describe_all(bound.arguments)

    def result(self, value: Any) -> Any:
        """Return what `tool_completed.result` shows of *value*."""
        return builtins(self.summary(value) if self.summary is not None else value)


def tool(
    purpose: str,
    *,
    name: str | None = None,
    idempotent: bool = False,
    estimated_duration_ms: int | None = None,
    summary: Callable[[Any], object] | None = None,
) -> Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function, sync or async.

    Raises:
        ConfigurationError: no purpose; users are shown it while the tool works.
    """
    if not purpose.strip():
        raise ConfigurationError("a tool needs a purpose: users are shown it while it works")

    def declare(fn: Callable[..., Any]) -> Tool:
        return Tool(
            name or str(getattr(fn, "__name__", "tool")),
            purpose,
            fn,
            idempotent,
            estimated_duration_ms,
            summary,
        )

    return declare


class ToolRunner(Protocol):
    """Where sync tools run."""

    async def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run *fn* and return what it returns, or raise what it raises."""
        ...


@final
@attrs.define(eq=False)
class ThreadRunner:
    """Runs sync tools in threads, at most `limiter.total_tokens` at once.

    Never trio's default limiter: the record needs that one. Busy threads share the interpreter
    with the loop, so the pool is small.
    """

    limiter: trio.CapacityLimiter

    async def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run *fn* in a thread.

        Cancellation: the thread is abandoned and goes on to its end; its result is dropped.
        """
        call = partial(fn, *args, **kwargs)
        return await trio.to_thread.run_sync(call, limiter=self.limiter, abandon_on_cancel=True)


async def run_inline(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a sync tool on the loop: for virtual time, where threads have no place."""
    await trio.lowlevel.checkpoint()
    return fn(*args, **kwargs)
