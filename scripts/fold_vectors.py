"""Vectors of the fold: events, the states after some of them, and where snapshots are cut."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from netra_actors.protocol import events as e
from netra_actors.protocol.batching import merge_partials
from netra_actors.protocol.state import State
from scripts.histories import History

UNITS: Final = ("ab€", "😀", "é", "x", "\\\n")
LONG_CHARS: Final = 600


def pack(value: Any) -> Any:
    """Return *value* with long repetitive texts as ``{"$repeat": [[unit, count], ...]}``."""
    match value:
        case str() if len(value) >= LONG_CHARS:
            return {"$repeat": _repeats(value)}
        case dict():
            return {name: pack(inner) for name, inner in value.items()}
        case list():
            return [pack(inner) for inner in value]
        case _:
            return value


def _repeats(text: str) -> list[list[Any]]:
    parts: list[list[Any]] = [["", 1]]
    start = 0
    while start < len(text):
        unit, count = max(((unit, _count(text, unit, start)) for unit in UNITS), key=_length)
        if _length((unit, count)) >= 20:
            parts += [[unit, count], ["", 1]]
            start += len(unit) * count
        else:
            parts[-1][0] += text[start]
            start += 1
    return [part for part in parts if part[0]]


def _count(text: str, unit: str, start: int) -> int:
    count = 0
    while text.startswith(unit, start + count * len(unit)):
        count += 1
    return count


def _length(repeat: tuple[str, int]) -> int:
    return len(repeat[0]) * repeat[1]


def unpack(value: Any) -> Any:
    """Undo `pack`."""
    match value:
        case {"$repeat": parts}:
            return "".join(unit * count for unit, count in parts)
        case dict():
            return {name: unpack(inner) for name, inner in value.items()}
        case list():
            return [unpack(inner) for inner in value]
        case _:
            return value


def case(name: str, events: Sequence[e.Event], *, every: int) -> dict[str, Any]:
    """Return one vector with the state after each *every*-th event and after the last."""
    state = State()
    states = {"0": state.snapshot()}
    for event in events:
        state.apply(event)
        if event.seq % every == 0 or event.seq == len(events):
            states[str(event.seq)] = state.snapshot()
    lines = [e.encode_event(event) for event in events]
    frames = [json.loads(line) for line in merge_partials(lines)]
    made = {
        "name": name,
        "events": [json.loads(line) for line in lines],
        "states": states,
    }
    if len(frames) < len(lines):
        made["merged"] = frames
    packed: dict[str, Any] = pack(made)
    return packed


class Script(History):
    """A history written by hand, through the same grammar."""

    def __init__(self) -> None:
        super().__init__(random.Random(7))  # noqa: S311  # the same in every run

    def start(self, run_id: str, thread_id: str = "thr_1", content: str = "Why?") -> None:
        """Append a message and the start of its run."""
        self.ask(run_id, thread_id, content)
        self.act(run_id, e.AgentStarted(agent_name="analyst"))

    def ask(self, run_id: str, thread_id: str = "thr_1", content: str = "Why?") -> None:
        """Append a message whose run has not started."""
        ask = e.UserMessage(content=content, priority="normal", policy="enqueue")
        self.emit(ask, thread_id=thread_id, run_id=run_id, message_id=f"msg_{run_id}")

    def act(self, run_id: str, *payloads: e.Payload) -> None:
        """Append events of an open run."""
        for payload in payloads:
            self.emit(payload, self.lifecycle.runs[run_id])

    def end(self, run_id: str, response: str | None, **more: Any) -> None:
        """Append the terminal of a run."""
        more.setdefault("status", "completed")
        self.act(
            run_id,
            e.AgentCompleted(final_response=response, duration_ms=1, metrics={}, **more),
        )


def say(content: str) -> e.PartialResult:
    """Return a piece of an answer."""
    return e.PartialResult(content=content, is_complete=False)


def _cut_texts() -> Script:
    script = Script()
    script.emit(e.ThreadCreated(title="€" * 201), thread_id="thr_1")
    # 4,096 bytes fall inside of a character of three, and inside of one of four.
    script.start("run_1", content="ab€" * 1_000)
    thought = e.AgentThinking(thought="😀" * 250, urgency="high")
    tool = e.ToolExecuting(
        call_id="call_1", tool_name="é" * 201, tool_purpose="e\u0301" * 150, parameters={}
    )
    done = e.ToolCompleted(
        call_id="call_1", tool_name="é" * 201, status="unknown", execution_time_ms=3
    )
    script.act("run_1", thought, tool, done)
    script.end("run_1", "x" * 3 + "😀" * 1_100)
    script.start("run_2")
    script.end("run_2", "x" * 500, final_response_ref=e.FileRef("file_1", 40_000))
    script.start("run_3")
    script.end("run_3", "")
    script.start("run_4", content="a" * 4_096)
    script.end("run_4", None, status="failed")
    return script


def _text_of_one_run() -> Script:
    script = Script()
    script.start("run_1")
    for _ in range(4):
        script.act("run_1", say("ab€" * 4_000), say("😀" * 300), say("x"))
    return script


def _text_of_many_runs() -> Script:
    script = Script()
    for number in range(1, 8):
        script.start(f"run_{number}", f"thr_{number}")
        script.act(f"run_{number}", say("ab€" * 6_000), say("ab€" * 6_000), say("ab€" * 6_000))
    script.end("run_1", "Because.")
    script.act("run_2", say("é" * 1_000))
    return script


def _steps_of_many_runs() -> Script:
    script = Script()
    for number in range(1, 13):
        script.start(f"run_{number}")
        first = e.ToolExecuting(
            call_id=f"c_{number}", tool_name="t", tool_purpose="p", parameters={}
        )
        script.act(f"run_{number}", first)
        for step in range(105 if number in {1, 12} else 8):
            script.act(f"run_{number}", e.AgentThinking(thought=f"{step}", urgency="low"))
        # In two of them it is among the steps that are forgotten.
        last = e.ToolCompleted(
            call_id=f"c_{number}", tool_name="t", status="success", execution_time_ms=number
        )
        script.act(f"run_{number}", last)
    return script


def _queue() -> Script:
    script = Script()
    script.start("run_0")
    for number in range(1, 6):
        script.ask(f"run_{number}", f"thr_{number}")
        script.act(f"run_{number}", e.RunQueued(place=number))
    script.act("run_2", e.RunCancelling(by="phone"), e.AgentStarted(agent_name="analyst"))
    script.end("run_2", None, status="cancelled", cancelled_by="phone")
    script.act("run_1", e.AgentStarted(agent_name="analyst"))
    script.act("run_5", e.RunQueued(place=1))
    script.act("run_0", e.RunSuperseded(by="msg_run_3"))
    script.end("run_0", "Half of an", status="interrupted", continued_by="run_9")
    again = e.AgentStarted(agent_name="analyst", attempt=2, continues="run_0")
    script.emit(again, run_id="run_9", thread_id="thr_1", message_id="msg_run_0")
    script.act("run_9", say("Half of an answer."))
    return script


def _subruns() -> Script:
    script = Script()
    script.start("run_1")
    for name in ("a", "b", "c"):
        started = e.SubagentStarted(subagent_run_id=f"run_1{name}", subagent_name=name)
        script.act("run_1", started)
    for name in ("b", "a"):
        script.act(f"run_1{name}", e.AgentStarted(agent_name=name), say(f"{name} says"))
    deeper = e.SubagentStarted(subagent_run_id="run_1aa", subagent_name="aa")
    script.act("run_1a", deeper)
    script.act("run_1aa", e.AgentStarted(agent_name="aa"), e.RunCancelling(by="deadline"))
    script.end("run_1aa", "text", status="cancelled")
    ended = e.SubagentCompleted(
        subagent_run_id="run_1aa", subagent_name="aa", status="cancelled", duration_ms=4
    )
    script.act("run_1a", ended)
    script.end("run_1b", "b's answer")
    script.act("run_1", e.SubagentCompleted(subagent_run_id="run_1b", subagent_name="b"))
    script.end("run_1a", None)
    return script


def _deletes() -> Script:
    script = Script()
    for number in (1, 2):
        script.emit(e.ThreadCreated(title=f"{number}"), thread_id=f"thr_{number}")
        script.start(f"run_{number}", f"thr_{number}")
        script.end(f"run_{number}", "Because.")
    script.emit(e.ThreadDeleted(title="1"), thread_id="thr_1")
    script.emit(e.Erased())
    script.emit(e.Unknown(), thread_id="thr_2")
    script.emit(e.ThreadRenamed(title="gone"), thread_id="thr_1")
    script.start("run_3", "thr_1")
    return script


def _erased_while_away() -> list[e.Event]:
    # A client that saw run_1 start comes back: its end was erased together with its thread.
    script = Script()
    script.ask("run_1")
    script.act("run_1", e.RunQueued(place=1))
    script.ask("run_2", "thr_2")
    script.act("run_2", e.RunQueued(place=2))
    script.emit(e.Erased())
    script.emit(e.Erased())
    script.emit(e.ThreadDeleted(title=""), thread_id="thr_1")
    return script.events


def _many_threads_and_messages() -> Script:
    script = Script()
    for number in range(104):
        script.emit(e.ThreadCreated(title=f"{number}"), thread_id=f"thr_{number:03}")
    for number in range(0, 104, 2):
        script.start(f"run_{number}", f"thr_{number:03}", f"{number}")
        script.end(f"run_{number}", "Because.")
    return script


def _many_subruns() -> Script:
    script = Script()
    script.start("run_0")
    for number in range(1, 104):
        started = e.SubagentStarted(subagent_run_id=f"run_{number}", subagent_name="s")
        script.act("run_0", started)
    for number in range(100, 104):
        script.act(f"run_{number}", e.AgentStarted(agent_name="s"), say("hello"))
    script.start("run_200")
    return script


def fold_vectors() -> Iterator[dict[str, Any]]:
    """Yield every vector; the same in every run."""
    by_hand = (
        (_cut_texts, 1), (_text_of_one_run, 1), (_text_of_many_runs, 7), (_queue, 1),
        (_subruns, 1), (_deletes, 1), (_steps_of_many_runs, 100),
        (_many_threads_and_messages, 70), (_many_subruns, 60),
    )  # fmt: skip
    for make, every in by_hand:
        name = make.__name__.strip("_").replace("_", " ")
        yield case(name, make().events, every=every)
    yield case("erased while away", _erased_while_away(), every=1)
    for seed in range(12):
        events = History(random.Random(seed)).write(40)  # noqa: S311  # same
        yield case(f"random {seed}", events, every=9)
