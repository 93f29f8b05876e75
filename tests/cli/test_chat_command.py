import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from netra_actors.cli import chat_command
from netra_actors.client import Disconnected, Subscription, Update
from netra_actors.client.errors import Refused
from netra_actors.errors import NotFound


class OneEventAnswer:
    """An answer that refuses the question "no", and is over at once for any other."""

    run_id, message_id = None, "msg_1"

    def __init__(self, question: str) -> None:
        self.question = question

    def __aiter__(self) -> "OneEventAnswer":
        return self

    async def __anext__(self) -> Any:
        await trio.lowlevel.checkpoint()
        if self.question == "no":
            raise NotFound("no agent is called 'x'")
        raise StopAsyncIteration


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    seen = SimpleNamespace(questions=[], updates=Subscription[Update]())

    def ask(question: str, **options: Any) -> OneEventAnswer:
        seen.questions.append((question, options))
        return OneEventAnswer(question)

    @asynccontextmanager
    async def connect(_: str, **options: Any) -> AsyncIterator[Any]:
        seen.options = options
        await trio.lowlevel.checkpoint()
        yield SimpleNamespace(ask=ask, user_id="alice", updates=lambda: seen.updates)

    monkeypatch.setattr(chat_command, "connect", connect)
    return seen


def test_every_line_is_a_question_until_the_input_ends(
    run: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("why?\n\n  \nand how?"))
    code, out, _ = run("chat", "--token", "t", "--agent", "a", "--thread", "thr_1")
    assert code == 0
    assert chat.questions == [("why?", {"agent": "a"}), ("and how?", {"agent": "a"})]
    assert chat.options["thread_id"] == "thr_1"
    assert "alice at http://127.0.0.1:8000" in out


def test_a_refused_question_is_said_and_the_conversation_goes_on(
    run: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\nyes\n"))
    code, out, _ = run("chat", "--token", "t")
    assert code == 0
    assert "no agent is called 'x'" in out
    assert len(chat.questions) == 2


def test_a_lost_connection_is_told_and_a_refused_session_ends_it(
    run: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(chat_command, "_read_line", never)
    chat.updates.put(Disconnected("1006", 0.5))
    chat.updates.end(Refused(4403, "The service refuses this user."))
    code, out, err = run("chat", "--token", "t")
    assert code == 4
    assert "disconnected (1006)" in out
    assert "refuses this user" in err
