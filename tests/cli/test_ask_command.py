import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio

from netra_actors.cli import ask_command
from netra_actors.protocol import events as e

Run = Callable[..., tuple[int, str, str]]
Make = Callable[..., e.Event]


@attrs.define
class FakeAnswer:
    """The events of one answer, ready to be iterated."""

    events: list[e.Event]
    message_id: str = "msg_1"
    run_id: str = "run_1"
    terminal: e.AgentCompleted | None = None

    def __aiter__(self) -> "FakeAnswer":
        return self

    async def __anext__(self) -> e.Event:
        await trio.lowlevel.checkpoint()
        if not self.events:
            raise StopAsyncIteration
        event = self.events.pop(0)
        if isinstance(event.payload, e.AgentCompleted) and event.parent_run_id is None:
            self.terminal = event.payload
        return event


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session in place of the real one; `events` is what it answers."""
    seen = SimpleNamespace(events=[], questions=[], uploads=[])

    async def upload(name: str, data: bytes) -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        seen.uploads.append((name, data))
        return {"file_id": f"file_{len(seen.uploads)}"}

    async def download(file_id: str) -> bytes:
        await trio.lowlevel.checkpoint()
        return f"all of {file_id}".encode()

    def ask(question: str, **options: Any) -> FakeAnswer:
        seen.questions.append((question, options))
        return FakeAnswer(seen.events)

    @asynccontextmanager
    async def connect(url: str, **options: Any) -> AsyncIterator[Any]:
        seen.url, seen.options = url, options
        await trio.lowlevel.checkpoint()
        http = SimpleNamespace(upload=upload, download=download)
        yield SimpleNamespace(ask=ask, http=http)

    monkeypatch.setattr(ask_command, "connect", connect)
    return seen


def completed(status: Any = "completed", **fields: Any) -> e.AgentCompleted:
    return e.AgentCompleted(status=status, duration_ms=1, metrics={}, **fields)


def test_the_answer_alone_goes_to_stdout(run: Run, asked: Any, make_event: Make) -> None:
    asked.events[:] = [
        make_event(e.AgentThinking(thought="hm", urgency="low")),
        make_event(e.PartialResult(content="4", is_complete=False)),
        make_event(completed(final_response="42\x1b[2J")),
    ]
    assert run("ask", "why?", "--token", "t", "--url", "http://h:1") == (0, "42[2J\n", "")
    assert asked.url == "http://h:1"
    assert asked.options["token"] == "t"
    assert asked.questions == [("why?", {"attachments": [], "agent": None, "thread_id": None})]


def test_what_was_streamed_is_the_answer_when_the_end_has_none(
    run: Run, asked: Any, make_event: Make
) -> None:
    asked.events[:] = [
        make_event(e.PartialResult(content="4", is_complete=False)),
        make_event(e.PartialResult(content="sub", is_complete=False), "run_2", "run_1"),
        make_event(completed(), "run_2", "run_1"),
        make_event(e.PartialResult(content="2", is_complete=True)),
        make_event(completed()),
    ]
    assert run("ask", "why?", "--token", "t")[:2] == (0, "42\n")


def test_an_answer_too_large_for_an_event_is_fetched(
    run: Run, asked: Any, make_event: Make
) -> None:
    ref = e.FileRef(file_id="file_9", bytes=50_000)
    asked.events[:] = [make_event(completed(final_response="all", final_response_ref=ref))]
    assert run("ask", "why?", "--token", "t")[1] == "all of file_9\n"


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 1), ("cancelled", 3), ("interrupted", 3)]
)
def test_the_exit_code_is_the_runs_status(
    run: Run, asked: Any, make_event: Make, status: str, code: int
) -> None:
    asked.events[:] = [make_event(completed(status, reason="because"))]
    got, _, err = run("ask", "why?", "--token", "t")
    assert got == code
    assert ("because" in err) == (status != "completed")


def test_json_is_one_object_an_event_and_nothing_else(
    asked: Any, make_event: Make, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked.events[:] = [
        make_event(e.PartialResult(content="4\n2", is_complete=True)),
        make_event(completed("failed")),
    ]
    assert ask_command.command.main(
        ["why?", "--json", "--token", "t"], standalone_mode=False
    ) == 1  # fmt: skip
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["partial_result", "agent_completed"]


def test_files_are_uploaded_and_attached(
    run: Run, asked: Any, make_event: Make, tmp_path: Path
) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    asked.events[:] = [make_event(completed())]
    code, _, _ = run(
        "ask", "what?", "--token", "t", "--agent", "analyst", "--thread", "thr_1",
        "--file", str(tmp_path / "a.csv"), "--file", str(tmp_path / "b.csv"),
    )  # fmt: skip
    assert code == 0
    assert asked.uploads == [("a.csv", b"a.csv"), ("b.csv", b"b.csv")]
    [(_, options)] = asked.questions
    assert options == {
        "attachments": ["file_1", "file_2"], "agent": "analyst", "thread_id": "thr_1",
    }  # fmt: skip


def test_a_file_that_is_not_there_is_wrong_usage(run: Run) -> None:
    assert run("ask", "what?", "--file", "/no/such/file")[0] == 2


def test_nobody_there_is_exit_code_four_and_one_sentence(run: Run, unused_tcp_port: int) -> None:
    code, out, err = run("ask", "hi", "--token", "t", "--url", f"127.0.0.1:{unused_tcp_port}")
    assert (code, out) == (4, "")
    assert err.startswith("netra-actors: no answer from")
    assert err.count("\n") == 1
