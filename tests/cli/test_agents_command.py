import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

MODULE = """
from netra_actors.agents import agent

@agent("counter", description="Counts.", recovery="restart")
async def counter(run, message):
    return "1"
"""


def test_the_built_in_agent_is_there_by_default(run: Run) -> None:
    code, out, _ = run("agents")
    assert code == 0
    assert out.splitlines()[1].startswith("analyst (default)\t")


def test_own_agents_come_first(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_agents_for_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_agents_for_test", raising=False)
    _, out, _ = run("agents", "--agents", "own_agents_for_test")
    assert out.splitlines()[1] == "counter (default)\tCounts.\t\tstarts again"


def test_a_module_that_is_none_is_a_clear_error(run: Run) -> None:
    code, _, err = run("agents", "--agents", "not a module")
    assert code == 1
    assert "NETRA_AGENTS" in err
