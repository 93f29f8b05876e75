"""Every way to talk with the service, each through a whole conversation with the analyst."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from netra_actors.client import connect
from netra_actors.protocol.events import AgentCompleted, encode_event
from tests.e2e.comparing import check_grammar, check_whole, fold
from tests.e2e.process import ServerProcess, clean_environment, serving, sign, stored_lines
from tests.e2e.wire import Device

QUESTION = "Where does the money go?"
WITHIN_S = 30
JS = Path(__file__).parents[1] / "js"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The service as it comes; the analyst alone would be its default agent."""
    with serving(tmp_path_factory.mktemp("talked-with"), NETRA_AGENTS="") as started:
        yield started


def _cli(server: ServerProcess, user: str, *arguments: str, **options: Any) -> "_Ended":
    return subprocess.run(
        [sys.executable, "-m", "netra_actors", *arguments],
        env=clean_environment(NETRA_URL=server.url, NETRA_TOKEN=sign(user)),
        cwd=server.folder,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
        **options,
    )


_Ended = subprocess.CompletedProcess[bytes]


def _check_record(server: ServerProcess, user: str, asked: int = 1) -> list[bytes]:
    """Check that the log holds so many questions, all answered; return it."""
    stored = stored_lines(server.database, user)
    terminals = [json.loads(line) for line in stored if b'"type":"agent_completed"' in line]
    check_grammar(stored)
    top = [event["payload"] for event in terminals if event["parent_run_id"] is None]
    assert [terminal["status"] for terminal in top] == ["completed"] * asked
    assert all(terminal["final_response"].strip() for terminal in top)
    return stored


def test_ask_prints_each_event_of_the_answer(server: ServerProcess) -> None:
    ended = _cli(server, "asking", "ask", "--json", QUESTION)
    assert ended.returncode == 0, ended.stderr
    stored = _check_record(server, "asking")
    printed = ended.stdout.splitlines()
    assert printed[-1] == stored[-1]
    assert set(printed) <= set(stored)
    assert [line for line in stored if b'"run_id":"run_' in line] == printed


def test_ask_prints_the_answer(server: ServerProcess) -> None:
    ended = _cli(server, "reading", "ask", QUESTION)
    assert ended.returncode == 0, ended.stderr
    terminal = json.loads(_check_record(server, "reading")[-1])["payload"]
    assert ended.stdout.decode().split() == terminal["final_response"].split()


def test_chat_answers_what_is_piped_into_it_line_by_line(server: ServerProcess) -> None:
    talk = f"{QUESTION}\n\nWhat can we save?\n".encode()
    ended = _cli(server, "piping", "chat", input=talk)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(b"(completed, ") == 2
    stored = _check_record(server, "piping", asked=2)
    threads = {json.loads(line)["thread_id"] for line in stored}
    assert len(threads - {None}) == 1, "the second question goes on with the first"


async def test_the_python_client_hears_the_whole_answer(server: ServerProcess) -> None:
    async with connect(server.url, token=sign("pythonic")) as session:
        answer = session.ask(QUESTION)
        events = [event async for event in answer]
        assert answer.terminal is not None
        assert answer.terminal.status == "completed"
        assert answer.terminal.final_response
        assert session.state.snapshot() == fold(stored_lines(server.database, "pythonic"))
    stored = _check_record(server, "pythonic")
    assert [encode_event(event) for event in events] == [stored[event.seq - 1] for event in events]
    assert events[-1].seq == len(stored)


def test_the_javascript_client_hears_the_whole_answer(server: ServerProcess) -> None:
    node = shutil.which("node")
    assert node is not None, "the JavaScript client needs Node 20 or later"
    url = f"{server.url.replace('http', 'ws', 1)}/ws"
    ended = subprocess.run(
        [node, str(JS / "conversation.mjs"), url, sign("scripting"), QUESTION],
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    said = json.loads(ended.stdout)
    stored = _check_record(server, "scripting")
    assert said["terminal"] == json.loads(stored[-1])["payload"]
    assert [(one["seq"], one["type"]) for one in said["seen"]] == [
        (event["seq"], event["type"]) for event in map(json.loads, stored)
    ]
    assert said["cursor"]["seq"] == len(stored)
    assert said["state"] == fold(stored)


def test_http_alone_is_enough(server: ServerProcess) -> None:
    headers = {"authorization": f"Bearer {sign('streaming')}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=WITHIN_S) as http:
        with http.stream("GET", "/api/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            welcome = json.loads((_next_item(lines))["data"])
            assert (_next_item(lines))["event"] == "replay_end"
            asked = http.post("/api/threads/new/messages", json={"content": QUESTION})
            assert asked.status_code == 202, asked.text
            run_id = asked.json()["run_id"]
            heard: list[dict[str, str]] = []
            while not heard or not _ends(heard[-1]["data"], run_id):
                item = _next_item(lines)
                if "id" in item:
                    heard.append(item)
        stored = _check_record(server, "streaming")
        assert [item["data"].encode() for item in heard] == stored
        assert [item["id"] for item in heard] == [
            f"{welcome['epoch']}:{seq}" for seq in range(1, len(stored) + 1)
        ]
        again = http.get(f"/api/runs/{run_id}/events", params={"limit": 5000})
        assert again.content.startswith(b'{"events":[' + b",".join(_of_run(stored)))
        thread_id = asked.json()["thread_id"]
        messages = (http.get(f"/api/threads/{thread_id}/messages")).json()["messages"]
        assert [message["role"] for message in messages] == ["user", "agent"]


def _next_item(lines: Any) -> dict[str, str]:
    """Return the fields of the next server-sent event."""
    item: dict[str, str] = {}
    for line in lines:
        if not line and "data" in item:
            return item
        name, _, value = line.partition(": ")
        if name:
            item[name] = value
    raise AssertionError("the stream ended")


def _ends(data: str, run_id: str) -> bool:
    event = json.loads(data)
    return bool(event["type"] == "agent_completed" and event["run_id"] == run_id)


def _of_run(stored: list[bytes]) -> list[bytes]:
    return [line for line in stored if json.loads(line)["run_id"] is not None]


async def test_a_client_without_subprotocol_types_its_frames_by_hand(
    server: ServerProcess,
) -> None:
    device = Device("typing", sign("typing"), plain=True)
    async with device.connected(server.port):
        await device.send(type="chat", text=QUESTION)
        await device.until(lambda: device.heard("ok"))
        answer = device.heard("ok")
        assert answer is not None
        await device.until(lambda: answer["run_id"] in device.ended)
        terminal = device.ended[answer["run_id"]]
    assert isinstance(terminal, AgentCompleted)
    assert terminal.final_response
    assert device.batches == 0
    check_whole(device, _check_record(server, "typing"))


# --- a terminal

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes standard input the controlling terminal, so that Ctrl-C becomes a signal there."""


def test_ctrl_c_in_a_terminal_stops_the_run_and_the_chat_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        ours, theirs = pty.openpty()
        chat = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL,
             sys.executable, "-m", "netra_actors", "chat", "--agent", "talking"],
            env=clean_environment(NETRA_URL=server.url, NETRA_TOKEN=sign("tired"), TERM="dumb"),
            cwd=tmp_path,
            stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        try:
            with closing(Screen(ours)) as screen:
                screen.until(r"Ctrl-D leaves[\s\S]*> ")
                screen.type("Tell me everything\n")
                screen.until(r"tired 000050")
                screen.type("\x03")
                screen.until(r"\(cancelled, [\s\S]*> ")
                screen.type("\x04")
                assert chat.wait(WITHIN_S) == 0
        finally:
            if chat.poll() is None:
                chat.kill()
            chat.wait(WITHIN_S)
        last = json.loads(stored_lines(server.database, "tired")[-1])["payload"]
        assert (last["status"], last["cancelled_by"]) == ("cancelled", "chat")


class Screen:
    """The other end of a terminal: what is shown on it, and a keyboard."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.shown = ""
        os.set_blocking(fd, False)

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def until(self, pattern: str) -> None:
        """Wait until the *pattern* is shown, behind what was waited for before."""
        deadline = time.monotonic() + WITHIN_S
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, self.shown
            try:
                self.shown += os.read(self.fd, 65536).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.01)
        self.shown = self.shown[found.end() :]

    def close(self) -> None:
        os.close(self.fd)
