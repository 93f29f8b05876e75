"""Agents: what the decorator makes, and the table of those that this service offers."""

import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Final, Literal, final

import attrs

from netra_actors.agents.message import UserMessage
from netra_actors.errors import ConfigurationError, NotFound
from netra_actors.protocol.events import PAYLOADS

BUILT_IN: Final = "netra_actors.analyst"


@final
@attrs.frozen(eq=False)
class Agent:
    """An agent as its author declared it; calling it calls the function."""

    name: str
    fn: Callable[..., Awaitable[Any]]
    promises: frozenset[str] = frozenset()
    """Event types that every completed run emits; one that lacks any is counted as missing."""
    description: str = ""
    recovery: Literal["none", "restart"] = "none"
    """What happens to a run that a crash interrupted."""

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Call the plain function."""
        return self.fn(*args, **kwargs)


def agent(
    name: str,
    *,
    promises: Iterable[str] = (),
    description: str = "",
    recovery: Literal["none", "restart"] = "none",
) -> Callable[[Callable[..., Awaitable[Any]]], Agent]:
    """Make an agent of ``async def f(run, message) -> str``.

    Raises:
        ConfigurationError: no name, or a promised type that no event has.
    """
    promised = frozenset(promises)
    if not name or not name.isprintable() or len(name) > 100:
        raise ConfigurationError(f"an agent needs a name of 1 to 100 characters, not {name!r}")
    if unknown := promised - PAYLOADS.keys():
        raise ConfigurationError(
            f"agent {name!r} promises {', '.join(sorted(unknown))}, which no event is called; "
            f"events are {', '.join(sorted(PAYLOADS))}"
        )

    def declare(fn: Callable[..., Awaitable[Any]]) -> Agent:
        text = description or (fn.__doc__ or "").strip().partition("\n")[0]
        return Agent(name, fn, promised, text, recovery)

    return declare


@final
@attrs.frozen
class AgentRegistry:
    """The agents of this service, by name; the default is the first of the operator's own."""

    agents: Mapping[str, Agent]
    default: str

    @classmethod
    def load(cls, modules: Iterable[str]) -> "AgentRegistry":
        """Import *modules* and the built-in ones, and collect the agents they define.

        Raises:
            ConfigurationError: a module cannot be imported, has no agent, or a name is taken.
        """
        agents: dict[str, Agent] = {}
        default: str | None = None
        for name in [*modules, BUILT_IN]:
            for found in _agents_of(_import(name)):
                if agents.setdefault(found.name, found) is not found:
                    raise ConfigurationError(
                        f"module {name!r} declares an agent {found.name!r}, and so does another"
                    )
                default = default or found.name
        return cls(agents, default or "analyst")

    def get(self, name: str | None) -> Agent:
        """Return the agent called *name*, or the default one for None.

        Raises:
            NotFound: there is none; the message lists those there are.
        """
        try:
            return self.agents[name or self.default]
        except KeyError:
            known = ", ".join(sorted(self.agents))
            raise NotFound(
                f"no agent is called {name!r}; there are: {known}", field="agent"
            ) from None


def _import(name: str) -> ModuleType:
    # Operators keep their agents beside where they start the service.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ConfigurationError:
        raise
    except Exception as error:  # Whatever the author's module raises is the operator's to read.
        raise ConfigurationError(
            f"agent module {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _agents_of(module: ModuleType) -> list[Agent]:
    offered = getattr(module, "AGENTS", None)
    if offered is None:
        found = [a for a in vars(module).values() if isinstance(a, Agent) and _can_be_asked(a)]
    else:
        found = list(offered) if isinstance(offered, Iterable) else [offered]
        if strangers := [thing for thing in found if not isinstance(thing, Agent)]:
            raise ConfigurationError(
                f"AGENTS of module {module.__name__!r} holds {strangers[0]!r}, which is no agent; "
                "decorate it with @agent('name')"
            )
    if not found:
        raise ConfigurationError(
            f"agent module {module.__name__!r} has no agent; "
            "declare one with @agent('name') on an async function"
        )
    return found


def _can_be_asked(agent: Agent) -> bool:
    """Whether its second parameter takes a message; what takes something else is a sub-agent."""
    parameters = list(inspect.signature(agent.fn).parameters.values())
    if len(parameters) < 2:
        return False
    annotation = parameters[1].annotation
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] == UserMessage.__name__
    return annotation is inspect.Parameter.empty or annotation is UserMessage
