import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from netra_actors.cli.stopping import interrupts, stop_answer
from netra_actors.errors import NotFound


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def test_the_first_interrupt_asks_and_the_block_goes_on() -> None:
    asked = trio.Event()

    async def ask() -> None:
        await trio.lowlevel.checkpoint()
        asked.set()

    async with interrupts(ask):
        interrupt()
        with trio.fail_after(2):
            await asked.wait()


async def test_the_second_interrupt_leaves() -> None:
    async def be_interrupted_twice() -> None:
        async with interrupts(trio.sleep_forever):
            interrupt()
            await trio.testing.wait_all_tasks_blocked(0.01)
            interrupt()
            await trio.sleep_forever()

    with trio.fail_after(2), pytest.raises(KeyboardInterrupt):
        await be_interrupted_twice()


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(NotFound, match="mine"):
        async with interrupts(trio.sleep_forever):
            raise NotFound("mine")


async def test_a_stop_that_fails_is_said_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = trio.Event()

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        failed.set()
        raise NotFound("no such run")

    async with interrupts(fail):
        interrupt()
        with trio.fail_after(2):
            await failed.wait()
    assert "cannot be stopped: no such run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("run_id", "named"), [("run_1", {"run_id": "run_1"}), (None, {"message_id": "msg_1"})]
)
async def test_a_run_is_stopped_by_its_id_once_it_is_known(
    run_id: str | None, named: dict[str, str]
) -> None:
    stopped: list[dict[str, str]] = []

    async def stop(**names: str) -> None:
        await trio.lowlevel.checkpoint()
        stopped.append(names)

    session: Any = SimpleNamespace(stop=stop)
    answer: Any = SimpleNamespace(run_id=run_id, message_id="msg_1")
    await stop_answer(session, answer)
    assert stopped == [named]
