"""Agents: how they are declared, found in modules, and named when something is wrong."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netra_actors.agents import Agent, AgentRegistry, agent
from netra_actors.errors import ConfigurationError, NotFound

HEADER = "from netra_actors.agents import Run, UserMessage, agent\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Write modules that can be imported until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, body: str, *, header: str = HEADER) -> str:
        (tmp_path / f"{name}.py").write_text(header + body, encoding="utf-8")
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("made_"):
            del sys.modules[name]


def declare(name: str, parameters: str = "run: Run, message: UserMessage") -> str:
    return f"@agent({name!r})\nasync def {name}({parameters}) -> str:\n    return ''\n"


async def test_an_agent_is_its_function_with_a_name() -> None:
    @agent("echo", promises={"agent_thinking"}, recovery="restart")
    async def echo(word: str) -> str:
        """Repeat what was said.

        And nothing else.
        """
        return word

    assert await echo("hello") == "hello"
    assert (echo.name, echo.promises) == ("echo", frozenset({"agent_thinking"}))
    assert echo.description == "Repeat what was said."
    assert echo.recovery == "restart"


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101, "a\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a name of 1 to 100 characters"):
        agent(name)


def test_a_promise_that_no_event_keeps_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"'x' promises thinkin, .*agent_thinking"):
        agent("x", promises={"thinkin"})


def test_the_first_agent_of_the_operators_is_the_default(write: Callable[..., str]) -> None:
    name = write("made_two", declare("first") + declare("second"))
    registry = AgentRegistry.load([name])
    assert registry.get(None).name == "first"
    assert registry.get("second").name == "second"
    assert "analyst" in registry.agents


def test_without_modules_the_built_in_agent_answers() -> None:
    assert AgentRegistry.load([]).get(None).name == "analyst"


def test_sub_agents_are_not_offered(write: Callable[..., str]) -> None:
    body = (
        declare("researcher", "run: Run, topic: str")
        + declare("worker", "run: Run")
        + declare("main")
    )
    registry = AgentRegistry.load([write("made_subs", body)])
    assert registry.default == "main"
    assert not {"researcher", "worker"} & registry.agents.keys()


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        ": UserMessage",
        ": 'UserMessage'",
        ": netra_actors.UserMessage",
        ": 'netra_actors.UserMessage'",
    ],
)
def test_an_agent_can_be_asked_however_its_message_is_annotated(
    annotation: str, write: Callable[..., str]
) -> None:
    name = write("made_noted", "import netra_actors\n" + declare("noted", f"run, m{annotation}"))
    assert AgentRegistry.load([name]).default == "noted"


def test_annotations_that_wait_are_read_as_well(write: Callable[..., str]) -> None:
    future = "from __future__ import annotations\nimport netra_actors as na\n" + HEADER
    body = declare("late", "run: na.Run, m: na.UserMessage") + declare("sub", "run, n: int")
    assert AgentRegistry.load([write("made_late", body, header=future)]).default == "late"
    assert "sub" not in AgentRegistry.load(["made_late"]).agents


def test_an_annotation_of_any_kind_is_no_obstacle(write: Callable[..., str]) -> None:
    body = declare("listed", "run, m: [1, 2]") + declare("main")
    assert AgentRegistry.load([write("made_listed", body)]).default == "main"


def test_the_list_of_a_module_decides_what_is_offered(write: Callable[..., str]) -> None:
    body = declare("one") + declare("two") + declare("sub", "run, topic: str")
    registry = AgentRegistry.load([write("made_list", body + "AGENTS = [two, sub]\n")])
    assert registry.default == "two"
    assert registry.agents.keys() == {"two", "sub", "analyst"}


@pytest.mark.parametrize("stranger", ["[one, one.fn]", "['one']", "[None]", "'one'", "one.fn"])
def test_a_list_may_hold_agents_only(stranger: str, write: Callable[..., str]) -> None:
    name = write("made_strange", declare("one") + f"AGENTS = {stranger}\n")
    with pytest.raises(
        ConfigurationError, match=r"AGENTS of module 'made_strange' holds .*no agent"
    ):
        AgentRegistry.load([name])


def test_the_same_agent_may_be_found_twice(write: Callable[..., str]) -> None:
    write("made_origin", declare("shared") + "alias = shared\n")
    again = write("made_again", "from made_origin import shared\n")
    registry = AgentRegistry.load(["made_origin", again])
    assert registry.agents.keys() == {"shared", "analyst"}


def test_a_name_that_is_taken_is_refused(write: Callable[..., str]) -> None:
    write("made_left", declare("same"))
    write("made_right", declare("same"))
    with pytest.raises(ConfigurationError, match="'made_right' declares an agent 'same', and so"):
        AgentRegistry.load(["made_left", "made_right"])
    taken = write("made_taken", declare("analyst"))
    with pytest.raises(ConfigurationError, match="declares an agent 'analyst'"):
        AgentRegistry.load([taken])


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'made_nowhere' cannot be imported: Module"):
        AgentRegistry.load(["made_nowhere"])


def test_a_module_that_raises_is_named_with_what_it_raised(write: Callable[..., str]) -> None:
    name = write("made_broken", "1 / 0\n")
    with pytest.raises(ConfigurationError, match="cannot be imported: ZeroDivisionError: div"):
        AgentRegistry.load([name])


def test_what_a_decorator_refuses_is_said_as_it_is(write: Callable[..., str]) -> None:
    name = write("made_promise", "agent('x', promises=['nothing'])\n")
    with pytest.raises(ConfigurationError, match=r"^agent 'x' promises nothing"):
        AgentRegistry.load([name])


@pytest.mark.parametrize("body", ["x = 1\n", "AGENTS = []\n", declare("sub", "run, n: int")])
def test_a_module_without_agents_is_refused(body: str, write: Callable[..., str]) -> None:
    with pytest.raises(ConfigurationError, match="'made_empty' has no agent; declare one"):
        AgentRegistry.load([write("made_empty", body)])


def test_an_agent_that_is_not_there_is_answered_with_those_that_are() -> None:
    async def nothing() -> None: ...

    registry = AgentRegistry({"b": Agent("b", nothing), "a": Agent("a", nothing)}, "b")
    with pytest.raises(NotFound, match="no agent is called 'c'; there are: a, b"):
        registry.get("c")
