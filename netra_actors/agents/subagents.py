"""Sub-runs: agents that an agent starts, in parallel, nested in the parent's order."""

from functools import partial
from typing import Any, final

import attrs
import trio

from netra_actors.agents.execution import execute
from netra_actors.agents.notifier import WebSocketNotifier
from netra_actors.agents.registry import Agent
from netra_actors.agents.run import Run


@final
@attrs.define(eq=False)
class SubRun:
    """A handle on a sub-run; `result` is there once its group's block has ended."""

    run: Run
    name: str
    announced: bool = attrs.field(default=False, init=False)
    """Whether the parent's log says that it may begin."""
    done: bool = attrs.field(default=False, init=False)
    _value: Any = attrs.field(default=None, init=False)

    @property
    def result(self) -> Any:
        """What the sub-agent returned.

        Raises:
            RuntimeError: it has not returned; leave the group's block first.
        """
        if not self.done:
            raise RuntimeError(f"sub-agent {self.name!r} has not returned yet")
        return self._value

    def finish(self, value: Any) -> None:
        """Note what the sub-agent returned."""
        self._value, self.done = value, True


@final
@attrs.frozen(eq=False)
class SubagentGroup:
    """Starts sub-runs of one run; made by `Run.subagents`."""

    parent: Run
    _nursery: trio.Nursery

    def start(self, agent: Agent, *args: Any) -> SubRun:
        """Start *agent* as ``agent(run, *args)``, in parallel to the others of the group.

        Raises:
            InvalidContextError: nested deeper than 10.
            IllegalTransition: the parent has reported or ended.
            RuntimeError: the group's block has ended.
        """
        if not isinstance(agent, Agent):
            raise TypeError(f"{agent!r} is not an agent; decorate it with @agent('name')")
        handle = SubRun(self._child(), agent.name)
        # Either may refuse. The task first: what is announced has to live, and to be closed.
        self._nursery.start_soon(self._live, handle, agent, args, name=handle.run.run_id)
        self.parent.notifier.send_subagent_started(handle.run.run_id, agent.name)
        handle.announced = True
        return handle

    def _child(self) -> Run:
        parent = self.parent
        run_id = parent.services.ids.generate_run_id()
        context = parent.context.create_child_context(
            parent.services.ids.generate_request_id(), run_id=run_id
        )
        notifier = WebSocketNotifier(
            log=parent.notifier.log,
            run_id=run_id,
            thread_id=parent.thread_id,
            message_id=parent.notifier.message_id,
            parent_run_id=parent.run_id,
        )
        return Run(
            context=context,
            notifier=notifier,
            services=parent.services,
            history=parent.history,
            parent=parent,
        )

    async def _live(self, handle: SubRun, agent: Agent, args: tuple[Any, ...]) -> None:
        if not handle.announced:
            return
        try:
            outcome = await execute(handle.run, agent, partial(agent.fn, handle.run, *args))
        finally:
            self._close(handle)
        if outcome.crash is not None:
            raise outcome.crash
        handle.finish(outcome.value)

    def _close(self, handle: SubRun) -> None:
        parent = self.parent
        status = handle.run.ended_as or "interrupted"
        if status == "cancelled":
            parent.descendants += 1 + handle.run.descendants
        if not parent.notifier.closed:
            parent.notifier.send_subagent_completed(
                handle.run.run_id, handle.name, status, duration_ms=handle.run.elapsed_ms
            )
