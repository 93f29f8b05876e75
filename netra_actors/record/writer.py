"""Where the record is written: on the loop when that is quickest, else in one dedicated thread.

A small SQLite transaction takes less time than handing it over, so it runs *inline*. Everything
else goes through a `queue.SimpleQueue` to the thread, which answers with one `run_sync_soon`.
Never both at once: a *lane* has one connection, and inline is only taken when it is free.

What hangs is abandoned, not waited for: after `deadline_s` the lane is left alone with its
thread, its caller hears `RecordUnavailable`, and the next one gets a new lane.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast, final

import attrs
import trio

from netra_actors.errors import RecordUnavailable
from netra_actors.record.database import Database, Link

T = TypeVar("T")

DEADLINE_S: Final = 4.0
WAITING_JOBS: Final = 4
"""Snapshots and files under way or waiting; more of them wait with their callers."""


@final
@attrs.define(eq=False)
class _Job(Generic[T]):
    work: Callable[[Link], T]
    done: trio.Event = attrs.field(factory=trio.Event)
    result: T | None = None
    error: Exception | None = None

    def value(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


@final
@attrs.define(eq=False)
class _Lane:
    """One connection, and the thread that uses it when the loop does not."""

    database: Database
    link: Link | None = None
    jobs: "queue.SimpleQueue[_Job[Any] | None]" = attrs.field(factory=queue.SimpleQueue)
    waiting: int = 0
    """Jobs handed to the thread and not answered yet; counted on the loop alone."""
    _thread: threading.Thread | None = None
    _waits: bool = False

    def run(self, work: Callable[[Link], T], *, patient: bool) -> T:
        """Do *work* on the lane's connection, a new one if the old one is broken.

        Args:
            work: what to do; may leave the connection broken, but in no transaction.
            patient: whether locks of other processes may be waited for.

        Raises:
            RecordError: there is no connection to be had, or *work* raised it.
            DataRefused: *work* held data that the database refuses.
        """
        try:
            link = self._connected(patient=patient)
            if patient and self.database.upkeep_due:
                self.database.upkeep(link.connection)
            return work(link)
        except self.database.errors as error:
            raise self.database.meaning(error) from error

    def _connected(self, *, patient: bool) -> Link:
        if self.link is None or not self.link.is_usable:
            self.link, self._waits = Link.open(self.database, writes=True), False
        if self._waits != patient:
            self.database.wait_for_lock(self.link.connection, wait=patient)
            self._waits = patient
        return self.link

    def put(self, job: _Job[Any], token: trio.lowlevel.TrioToken) -> None:
        """Hand *job* to the thread, which is started when first needed."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._serve, args=(token,), name="netra-record-writer", daemon=True
            )
            self._thread.start()
        self.waiting += 1
        self.jobs.put(job)

    def _serve(self, token: trio.lowlevel.TrioToken) -> None:
        while (job := self.jobs.get()) is not None:
            try:
                job.result = self.run(job.work, patient=True)
            except Exception as error:  # noqa: BLE001  Raised again where the answer is awaited.
                job.error = error
            try:
                token.run_sync_soon(self._answer, job)
            except trio.RunFinishedError:
                break
        if self.link is not None:
            self.link.close()

    def _answer(self, job: _Job[Any]) -> None:
        self.waiting -= 1
        job.done.set()

    def close(self) -> None:
        """Close the connection, in the thread if there is one, after its last job."""
        if self._thread is not None:
            self.jobs.put(None)
        elif self.link is not None:
            self.link.close()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread, if there is one."""
        if self._thread is not None:
            self._thread.join(timeout_s)


@final
@attrs.define(eq=False, kw_only=True)
class Writer:
    """Runs transactions one after the other; one at a time is the caller's for `run`."""

    database: Database
    deadline_s: float = DEADLINE_S
    abandoned: int = attrs.field(default=0, init=False)
    """Lanes left behind because they did not answer in time."""
    _lane: _Lane = attrs.field(init=False)
    _room: trio.CapacityLimiter = attrs.field(
        factory=lambda: trio.CapacityLimiter(WAITING_JOBS), init=False
    )

    def __attrs_post_init__(self) -> None:
        self._lane = _Lane(self.database)

    async def run(self, work: Callable[[Link], T], *, small: bool) -> T:
        """Do *work* inline if it is *small* and nothing is in the way, else in the thread.

        Cancellation: not delivered while *work* runs, for `deadline_s` at most.

        Raises:
            RecordUnavailable: no answer in time; whether *work* was done is unknown.
        """
        database, lane = self.database, self._lane
        if small and database.runs_inline and not lane.waiting and not database.upkeep_due:
            await trio.lowlevel.checkpoint_if_cancelled()
            return lane.run(work, patient=False)
        return await self._in_thread(work)

    async def run_later(self, work: Callable[[Link], T]) -> T:
        """Do *work* in the thread, with others of its kind waiting their turn; as `run`."""
        async with self._room:
            return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[Link], T]) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        lane, job = self._lane, _Job(work)
        lane.put(job, trio.lowlevel.current_trio_token())
        with trio.move_on_after(self.deadline_s, shield=True):
            await job.done.wait()
        if job.done.is_set():
            return job.value()
        if self._lane is lane:
            self.abandoned += 1
            lane.close()
            self._lane = _Lane(self.database)
        raise RecordUnavailable(f"the record did not answer within {self.deadline_s:g} s")

    def close(self) -> None:
        """Close the connection after what is under way. Blocks; not for the loop."""
        self._lane.close()
        self._lane.join(self.deadline_s)
