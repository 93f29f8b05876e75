"""The run queue of one session: priorities with ageing, so that nobody starves.

A run's rank is its priority minus what its waiting is worth: one level for every 30 s. Runs of
one thread start in the order of their messages, for an answer may depend on the one before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, final

import attrs

from netra_actors.identity import MessageID, RunID, ThreadID, UserExecutionContext
from netra_actors.protocol.events import AttachmentRef, Priority

AGEING_S: Final = 30.0
"""Waiting that is worth one level of priority."""
_LEVEL: Final[Mapping[Priority, int]] = {"high": 0, "normal": 1, "low": 2}


@final
@attrs.frozen(kw_only=True)
class RunRequest:
    """A run that was accepted and has not started."""

    run_id: RunID
    thread_id: ThreadID
    message_id: MessageID
    agent: str
    content: str
    context: UserExecutionContext
    attachments: tuple[AttachmentRef, ...] = ()
    priority: Priority = "normal"
    queued_at: float = 0.0
    """`trio.current_time` of its acceptance."""

    def rank(self, now: float) -> float:
        """Return how far down it stands at time *now*; the smallest goes first."""
        return _LEVEL[self.priority] - (now - self.queued_at) / AGEING_S


@final
@attrs.define(eq=False)
class RunQueue:
    """The waiting runs of one session; `engine` bounds their number."""

    _waiting: dict[RunID, RunRequest] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[RunRequest]:
        return iter(tuple(self._waiting.values()))

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._waiting

    def add(self, request: RunRequest) -> None:
        """Put *request* behind those of its rank."""
        self._waiting[request.run_id] = request

    def remove(self, run_id: RunID) -> RunRequest | None:
        """Take a run out; None if it does not wait here."""
        return self._waiting.pop(run_id, None)

    def place(self, run_id: RunID, now: float) -> int:
        """Return where the run stands, counted from 1: the take that would bring it.

        Raises:
            KeyError: it does not wait here.
        """
        waiting = dict(self._waiting)
        place = 1
        while (first := _first(waiting.values(), now)) is not waiting[run_id]:
            del waiting[first.run_id]
            place += 1
        return place

    def take(self, now: float, may_start: Callable[[RunRequest], bool]) -> RunRequest | None:
        """Take out the run to start now; None if none of them may."""
        ready = [request for request in _heads(self._waiting.values()) if may_start(request)]
        if not ready:
            return None
        chosen = _first(ready, now)
        del self._waiting[chosen.run_id]
        return chosen


def _heads(waiting: Iterable[RunRequest]) -> Iterable[RunRequest]:
    """Return the oldest of each thread: only those can start."""
    oldest: dict[ThreadID, RunRequest] = {}
    for request in waiting:
        oldest.setdefault(request.thread_id, request)
    return oldest.values()


def _first(waiting: Iterable[RunRequest], now: float) -> RunRequest:
    return min(_heads(waiting), key=lambda request: request.rank(now))
