import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from netra_actors.cli import tail_command
from netra_actors.client import Applied, Disconnected, Live, SnapshotTaken, Update
from netra_actors.client.errors import Unreachable
from netra_actors.protocol import events as e
from netra_actors.protocol.commands import Cursor

Run = Callable[..., tuple[int, str, str]]
Make = Callable[..., e.Event]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A service whose log ends at 70; `told` is what the second connection says."""
    seen = SimpleNamespace(told=[], cursors=[], end=None)

    @asynccontextmanager
    async def connect(_: str, **options: Any) -> AsyncIterator[Any]:
        await trio.lowlevel.checkpoint()
        seen.cursors.append(options.get("cursor"))
        if "updates" in options:
            for update in seen.told:
                options["updates"].put(update)
            options["updates"].end(seen.end)
        yield SimpleNamespace(welcome=SimpleNamespace(epoch="e_1", head=70))

    monkeypatch.setattr(tail_command, "connect", connect)
    return seen


@pytest.mark.parametrize(
    ("arguments", "seq"), [([], 20), (["--after", "0"], 0), (["--after", "70"], 70)]
)
def test_it_begins_where_it_should(run: Run, log: Any, arguments: list[str], seq: int) -> None:
    assert run("tail", "--token", "t", *arguments)[0] == 0
    assert log.cursors == [None, Cursor(epoch="e_1", seq=seq)]


def test_a_place_behind_the_log_is_refused(run: Run, log: Any) -> None:
    code, _, err = run("tail", "--token", "t", "--after", "71")
    assert code == 1
    assert "ends at 70" in err
    assert len(log.cursors) == 1


def test_without_follow_it_ends_where_the_news_begin(run: Run, log: Any, make_event: Make) -> None:
    first, second = (make_event(e.AgentStarted(agent_name=name)) for name in ("old", "new"))
    told: list[Update] = [Applied(first, 1), Live(1), Applied(second, 2)]
    log.told = told
    _, out, _ = run("tail", "--token", "t", "--no-follow")
    assert "old" in out
    assert "new" not in out
    _, out, _ = run("tail", "--token", "t")
    assert "new" in out


def test_gaps_and_lost_connections_are_told_beside_the_events(run: Run, log: Any) -> None:
    log.told = [SnapshotTaken(at=60, after=20), Disconnected("1006", 1.0)]
    log.end = Unreachable("gone")
    code, out, err = run("tail", "--token", "t")
    assert (code, out) == (4, "")
    assert "21 to 60" in err
    assert "disconnected (1006)" in err


def test_json_is_the_event_as_it_is(
    log: Any, make_event: Make, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    log.told = [Applied(make_event(e.Custom(name="n", data=[1])), 1)]
    tail_command.command.main(["--token", "t", "--json"], standalone_mode=False)
    assert json.loads(capfdbinary.readouterr().out)["payload"] == {"name": "n", "data": [1]}
