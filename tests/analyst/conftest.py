"""One run of the analyst over a real log, without a service around it."""

import csv
import gzip
import importlib.util
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import trio

from netra_actors.agents import Attachment, HistoryMessage, Run, UserMessage
from netra_actors.agents.execution import execute
from netra_actors.agents.notifier import WebSocketNotifier
from netra_actors.agents.run import RunServices
from netra_actors.agents.tools import run_inline
from netra_actors.analyst import analyst, tools
from netra_actors.analyst.change import change as change_between
from netra_actors.analyst.findings import CostFindings, Findings, LatencyFindings
from netra_actors.analyst.reading import Reading, read
from netra_actors.analyst.sample import load_sample
from netra_actors.analyst.usage import Usage
from netra_actors.identity import UnifiedIdGenerator, UserExecutionContext, UserID
from netra_actors.log.committer import Committer
from netra_actors.log.session_log import SessionLog
from netra_actors.protocol import events
from netra_actors.protocol.events import Event, FileRef, decode_event
from netra_actors.record.memory import MemoryRecord


@attrs.frozen
class Conversation:
    """What one message brought."""

    events: list[Event]
    answer: str
    missing: list[str]

    def of(self, kind: str) -> list[Any]:
        return [event.payload for event in self.events if event.type == kind]

    @property
    def report(self) -> Any:
        (payload,) = self.of("final_report")
        return payload


Ask = Callable[..., Awaitable[Conversation]]


@pytest.fixture
def ask() -> Ask:
    async def ask_once(
        content: str,
        *,
        attachments: tuple[Attachment, ...] = (),
        history: tuple[HistoryMessage, ...] = (),
    ) -> Conversation:
        ids = UnifiedIdGenerator()
        missing: list[str] = []
        files_stored: list[bytes] = []

        async def store(_: UserExecutionContext, __: str, body: bytes) -> FileRef:
            await trio.lowlevel.checkpoint()
            files_stored.append(body)
            return FileRef("file_1", len(body))

        services = RunServices(
            ids=ids,
            run_sync=run_inline,
            store=store,
            on_missing=lambda _, __, kinds: missing.extend(kinds),
        )
        committer = Committer(record=MemoryRecord())
        user = UserID("alice")
        log = SessionLog(user_id=user, epoch="e_1", clock=lambda: 0, committer=committer)
        thread, run_id, message = (
            ids.generate_thread_id(),
            ids.generate_run_id(),
            ids.generate_message_id(),
        )
        context = UserExecutionContext(
            user_id=user, thread_id=thread, run_id=run_id, request_id=ids.generate_request_id()
        )
        mouth = WebSocketNotifier(log=log, run_id=run_id, thread_id=thread, message_id=message)
        run = Run(context=context, notifier=mouth, services=services, history=history)
        asked = UserMessage(
            content=content, message_id=message, thread_id=thread, attachments=attachments
        )
        said = events.UserMessage(content=content, priority="normal", policy="enqueue")
        log.append(said, thread_id=thread, run_id=run_id, message_id=message)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(committer.run)
            outcome = await execute(run, analyst, partial(analyst.fn, run, asked))
            await committer.wait_idle()
            nursery.cancel_scope.cancel()
        if outcome.crash is not None:
            raise outcome.crash
        assert outcome.status == "completed"
        return Conversation([decode_event(line) for line in log.lines(0)], outcome.value, missing)

    return ask_once


def make_attachment(name: str, body: bytes, size: int | None = None) -> Attachment:
    async def reader() -> bytes:
        await trio.lowlevel.checkpoint()
        return body

    return Attachment("file_7", name, len(body) if size is None else size, reader)


@pytest.fixture
def attachment() -> Callable[..., Attachment]:
    return make_attachment


@pytest.fixture(scope="session")
def sample() -> Usage:
    return load_sample().usage


@attrs.frozen
class PlainRow:
    """A row of the sample, read by other code than the analyst's."""

    when: datetime
    user: str
    feature: str
    model: str
    tokens_in: int
    tokens_out: int
    latency_ms: float
    cost: Decimal
    status: str

    @property
    def day(self) -> str:
        return self.when.date().isoformat()


@pytest.fixture(scope="session")
def plain_rows() -> list[PlainRow]:
    """The sample by the csv module and Decimal: the ground of every independent figure."""
    packed = files("netra_actors.analyst").joinpath("data", "usage_sample.csv.gz").read_bytes()
    rows = []
    for raw in csv.DictReader(gzip.decompress(packed).decode().splitlines()):
        try:
            row = PlainRow(
                datetime.strptime(raw["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
                raw["user"], raw["feature"], raw["model"],
                int(raw["input_tokens"]), int(raw["output_tokens"]),
                float(raw["latency_ms"]), Decimal(raw["cost"]), raw["status"],
            )  # fmt: skip
        except (ValueError, ArithmeticError, TypeError):
            continue
        if row.model and row.tokens_out >= 0 and row.cost >= 0:
            rows.append(row)
    return rows


HEADER = "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status"


@pytest.fixture
def usage_of() -> Callable[..., Usage]:
    """Make usage of tuples in the order of the header."""

    def make(*rows: tuple[object, ...]) -> Usage:
        return read_rows(*rows).usage

    return make


def read_rows(*rows: tuple[object, ...]) -> Reading:
    return read("\n".join([HEADER, *(",".join(map(str, row)) for row in rows)]))


@pytest.fixture(scope="session")
def generator() -> ModuleType:
    """The script that makes the sample."""
    root = Path(__file__).parent.parent.parent
    spec = importlib.util.spec_from_file_location("generator", root / "scripts/generate_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Investigate = Callable[..., Findings]


@pytest.fixture(scope="session")
def investigate() -> Investigate:
    """Find everything for a question without a run around it; no data is the sample."""

    @cache
    def find(text: str, data: str | None = None) -> Findings:
        loaded = tools.load_usage("the data", data)
        understood = tools.understand_question(text, loaded, brought_data=data is not None)
        usage, question = loaded.usage, understood.question
        change = None
        if question.comparison is not None:
            change = change_between(understood.subject, question.comparison)
        return Findings(
            loaded=loaded,
            notes=(),
            question=question,
            costs=CostFindings(
                profile=tools.profile_costs(usage),
                subject=tools.profile_costs(understood.subject),
                change=change,
                anomalies=tools.find_anomalies(usage, "cost"),
            ),
            latency=LatencyFindings(
                profile=tools.profile_latency(usage),
                anomalies=tools.find_anomalies(usage, "latency"),
            ),
            models=tools.compare_models(usage),
            savings=tools.project_savings(usage),
        )

    return find
