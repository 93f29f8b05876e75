"""The last step to the socket: where a cursor puts whole frames.

`ExtensionSink` writes straight into the kernel through the ASGI extension ``netra.frames`` that
our own server offers; `QueueSink` does the same over plain ASGI, on any server. One conformance
suite runs over both.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, final

import attrs
import trio

EXTENSION = "netra.frames"
MAX_TAIL_BYTES = 1024 * 1024
NO_PROGRESS_S = 10.0


class FrameSink(Protocol):
    """Takes whole WebSocket messages for one peer, in order, none lost or doubled in between.

    What the kernel does not take at once is the *tail*. A caller that gets False from `write`
    should `drain` before it writes again; whoever goes on writing meets the bound of 1 MiB.
    """

    @property
    def tail_bytes(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        ...

    @property
    def last_heard(self) -> float:
        """`trio.current_time` when something last came from the peer, pongs included."""
        ...

    def write(self, payloads: Sequence[bytes]) -> bool:
        """Send each payload (UTF-8) as one text frame; True if the kernel has taken all.

        Synchronous: nothing comes in between. An empty tail takes a call of any size.

        Raises:
            trio.BrokenResourceError: the peer is gone, the socket is closing, or the tail would
                pass its bound; nothing of this call was written.
        """
        ...

    async def drain(self) -> None:
        """Wait until the tail is empty.

        Cancellation: loses nothing; the tail goes on leaving by itself.

        Raises:
            trio.BrokenResourceError: the peer is gone.
            trio.TooSlowError: the peer took nothing for 10 s; the connection is ended.
        """
        ...

    def ping(self, data: bytes = b"") -> bool:
        """Send a WebSocket ping (at most 125 bytes) behind the tail; returns as `write`.

        Raises:
            trio.BrokenResourceError: as `write`.
        """
        ...


@final
@attrs.frozen(eq=False)
class ExtensionSink:
    """A `FrameSink` over the ASGI extension ``netra.frames``."""

    _frames: FrameSink

    @property
    def tail_bytes(self) -> int:
        """See `FrameSink`."""
        return self._frames.tail_bytes

    @property
    def last_heard(self) -> float:
        """See `FrameSink`."""
        return self._frames.last_heard

    def write(self, payloads: Sequence[bytes]) -> bool:
        """See `FrameSink`."""
        return self._frames.write(payloads)

    async def drain(self) -> None:
        """See `FrameSink`."""
        await self._frames.drain()

    def ping(self, data: bytes = b"") -> bool:
        """See `FrameSink`."""
        return self._frames.ping(data)


@final
@attrs.define(eq=False)
class QueueSink:
    """A `FrameSink` over plain ASGI: a bounded queue and one writer task.

    Its owner runs `run` in the socket's nursery. Policy at the bound: *disconnect* (`write`
    raises, the owner closes). ASGI has no ping: `ping` sends nothing and takes a peer whose queue
    is empty as heard; the server underneath has to find dead peers.
    """

    _send: Callable[[dict[str, Any]], Awaitable[None]]
    last_heard: float = attrs.field(factory=trio.current_time, init=False)
    tail_bytes: int = attrs.field(default=0, init=False)
    _queue: deque[bytes] = attrs.field(factory=deque, init=False)
    _error: type[trio.BrokenResourceError | trio.TooSlowError] | None = attrs.field(
        default=None, init=False
    )
    _filled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _emptied: trio.Event = attrs.field(factory=trio.Event, init=False)

    def write(self, payloads: Sequence[bytes]) -> bool:
        """See `FrameSink`; never True, since only the writer task knows what has left."""
        size = sum(map(len, payloads))
        if self._error is not None:
            raise trio.BrokenResourceError("the peer is gone")
        if self.tail_bytes and self.tail_bytes + size > MAX_TAIL_BYTES:
            raise trio.BrokenResourceError(f"{self.tail_bytes} bytes wait for the peer")
        if not self._queue:
            self._emptied = trio.Event()
        self._queue.extend(payloads)
        self.tail_bytes += size
        self._filled.set()
        return False

    async def drain(self) -> None:
        """See `FrameSink`."""
        await trio.lowlevel.checkpoint()
        while self._queue and self._error is None:
            await self._emptied.wait()
        if self._error is not None:
            raise self._error("the peer is gone, or takes nothing")

    def ping(self, data: bytes = b"") -> bool:  # noqa: ARG002 - plain ASGI has no ping
        """Note the peer as heard if its queue is empty; see the class."""
        if self._error is not None:
            raise trio.BrokenResourceError("the peer is gone")
        if not self._queue:
            self.heard()
        return not self._queue

    def heard(self) -> None:
        """Note that something came from the peer; its reader calls this."""
        self.last_heard = trio.current_time()

    def close(self) -> None:
        """Refuse every later write; waiters hear that the peer is gone. Idempotent."""
        self._end(trio.BrokenResourceError)

    async def run(self) -> None:
        """Send what is queued, one frame after the other, until closed or cancelled.

        A send that takes 10 s, or raises `OSError`, ends it: the sink is broken from then on.
        Whatever else the server's ``send`` raises is raised here, after the waiters were woken.
        """
        try:
            while self._error is None:
                if self._queue:
                    await self._send_oldest()
                else:
                    self._filled = trio.Event()
                    await self._filled.wait()
        finally:
            self._end(trio.BrokenResourceError)

    async def _send_oldest(self) -> None:
        payload = self._queue[0]
        # A server's send to a peer that has gone may return without a checkpoint, for ever.
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(NO_PROGRESS_S) as scope:
            try:
                await self._send({"type": "websocket.send", "text": payload.decode()})
            except OSError:
                self._end(trio.BrokenResourceError)
                return
        if scope.cancelled_caught:
            self._end(trio.TooSlowError)
            return
        self._queue.popleft()
        self.tail_bytes -= len(payload)
        if not self._queue:
            self._emptied.set()

    def _end(self, error: type[trio.BrokenResourceError | trio.TooSlowError]) -> None:
        if self._error is None:
            self._error = error
        self._filled.set()
        self._emptied.set()
