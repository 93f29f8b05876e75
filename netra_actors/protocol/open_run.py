"""An open run inside the fold: its text and steps, each with a bound that holds at every step."""

from collections import deque
from typing import Final, Self, final

import attrs

from netra_actors.protocol.text import cut
from netra_actors.protocol.views import OpenState, RunView, StepKind, StepView

MAX_NAME_CHARS: Final = 200
_SMALL_PIECE_BYTES: Final = 1_024


@final
@attrs.define(eq=False)
class TextTail:
    """The end of a growing text, bounded in UTF-8 bytes and cut between code points.

    Cutting after every piece leaves the same as cutting once at the end, so it does not matter
    how a text was split.
    """

    size_bytes: int = attrs.field(default=0, init=False)
    _pieces: deque[bytes] = attrs.field(factory=deque, init=False)
    _skipped: int = attrs.field(default=0, init=False)
    """How many bytes of the first piece are forgotten."""

    def append(self, text: str, max_bytes: int) -> None:
        """Add *text* and keep the last *max_bytes*."""
        piece = text.encode()
        self.size_bytes += len(piece)
        if self._pieces and len(self._pieces[-1]) < _SMALL_PIECE_BYTES:
            # Tokens are a few bytes each; thousands of objects would weigh more than the text.
            piece = self._pieces.pop() + piece
        self._pieces.append(piece)
        if self.size_bytes > max_bytes:
            self.keep(max_bytes)

    def keep(self, max_bytes: int) -> None:
        """Forget all but the last *max_bytes*."""
        while (excess := self.size_bytes - max_bytes) > 0:
            piece = self._pieces[0]
            start = min(self._skipped + excess, len(piece))
            while start < len(piece) and piece[start] & 0xC0 == 0x80:
                start += 1
            self.size_bytes -= start - self._skipped
            self._skipped = start
            if start == len(piece):
                self._pieces.popleft()
                self._skipped = 0

    def __str__(self) -> str:
        return b"".join(self._pieces)[self._skipped :].decode()


@final
@attrs.define(eq=False, kw_only=True)
class OpenRun:
    """A run that has no terminal yet, in the state that clients see."""

    run_id: str
    thread_id: str | None
    parent_run_id: str | None
    message_id: str | None
    agent_name: str | None = None
    state: OpenState = "queued"
    place: int | None = None
    text: TextTail = attrs.field(factory=TextTail)
    steps: deque[StepView] = attrs.field(factory=deque)

    def add_step(
        self,
        kind: StepKind,
        name: str,
        *,
        max_steps: int,
        call_id: str | None = None,
        purpose: str | None = None,
    ) -> None:
        """Add a step and keep the last *max_steps*; one without *call_id* is over at once."""
        self.steps.append(
            StepView(
                kind=kind,
                call_id=call_id,
                name=cut(name, MAX_NAME_CHARS),
                purpose=None if purpose is None else cut(purpose, MAX_NAME_CHARS),
                status="done" if call_id is None else "running",
                duration_ms=None,
            )
        )
        self.keep_steps(max_steps)

    def end_step(self, call_id: str, status: str, duration_ms: int | None) -> None:
        """Say how the last running step of that call ended, if it is still among the steps."""
        for step in reversed(self.steps):
            if step.call_id == call_id and step.status == "running":
                step.status, step.duration_ms = status, duration_ms
                return

    def keep_steps(self, max_steps: int) -> None:
        """Forget all but the last *max_steps*."""
        while len(self.steps) > max_steps:
            self.steps.popleft()

    def view(self) -> RunView:
        """Return the run as a snapshot carries it; its steps are shared, not copied."""
        return RunView(
            run_id=self.run_id,
            thread_id=self.thread_id,
            parent_run_id=self.parent_run_id,
            message_id=self.message_id,
            agent_name=self.agent_name,
            state=self.state,
            place=self.place,
            text=str(self.text),
            steps=list(self.steps),
        )

    @classmethod
    def from_view(cls, view: RunView) -> Self:
        """Return the run that *view* shows; it takes the steps over."""
        run = cls(
            run_id=view.run_id,
            thread_id=view.thread_id,
            parent_run_id=view.parent_run_id,
            message_id=view.message_id,
            agent_name=view.agent_name,
            state=view.state,
            place=view.place,
            steps=deque(view.steps),
        )
        if view.text:
            run.text.append(view.text, len(view.text) * 4)
        return run
