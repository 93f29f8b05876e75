"""The bytes on their way to one peer: written at once if the kernel takes them, else the tail.

Everything that leaves a connection goes through here (heads, bodies, frames, pongs, the close
frame), so nothing can come in between the parts of anything.
"""

import array
import fcntl
import os
import sys
import termios
from collections.abc import Callable, Coroutine
from typing import Any, final

import attrs
import trio

MAX_TAIL_BYTES = 1024 * 1024
NO_PROGRESS_S = 10.0
PIECE_BYTES = 64 * 1024


@final
@attrs.define(eq=False)
class Writer:
    """Writes to one non-blocking socket, synchronously, and drains what stays behind.

    Policy at the tail's bound: *refuse*; what the caller then does with its peer is its own
    matter. A peer that takes nothing for 10 s is *disconnected*. The drain task runs only while
    there is a tail, in the nursery of the connection.

    Attributes:
        error: what ended it: the peer took too little, or is gone; None while it works.
    """

    _socket: trio.socket.SocketType
    _spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
    """Starts the drain task."""
    _on_broken: Callable[[], None]
    """Called once, synchronously, when the connection turns out to be dead."""
    error: type[trio.BrokenResourceError | trio.TooSlowError] | None = attrs.field(
        default=None, init=False
    )
    _tail: bytearray = attrs.field(factory=bytearray, init=False)
    _waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    @property
    def tail_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self._tail)

    def write(self, data: bytes) -> bool:
        """Write *data* behind everything before it; True if the kernel has taken all of it.

        An empty tail takes a call of any size.

        Raises:
            trio.BrokenResourceError: the connection is dead, or the tail would pass its bound;
                nothing of *data* was written.
        """
        if self.error is not None:
            raise trio.BrokenResourceError("the connection is gone")
        if self._tail:
            if len(self._tail) + len(data) > MAX_TAIL_BYTES:
                raise trio.BrokenResourceError(f"{len(self._tail)} bytes wait for the peer")
            self._tail += data
            return False
        sent = self._write_some(data)
        if sent == len(data):
            return True
        self._tail = bytearray(memoryview(data)[sent:])
        self._spawn(self._drain_tail)
        return False

    async def send_all(self, data: bytes) -> None:
        """Write *data* piece by piece, each when the one before it has left.

        For bodies, which nobody else writes between.

        Cancellation: pieces that were written leave, later ones do not.

        Raises:
            trio.BrokenResourceError: as `write`.
            trio.TooSlowError: as `drain`.
        """
        for start in range(0, len(data), PIECE_BYTES):
            if not self.write(data[start : start + PIECE_BYTES]):
                await self.drain()
        await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Wait until the tail is empty; a checkpoint in any case.

        Cancellation: loses nothing.

        Raises:
            trio.BrokenResourceError: the connection is dead.
            trio.TooSlowError: it was ended because the peer took nothing for 10 s.
        """
        if not self._tail:
            await trio.lowlevel.checkpoint()
        while self._tail and self.error is None:
            await self._waiting.park()
        if self.error is not None:
            raise self.error("the peer is gone, or takes nothing")

    def stop(self) -> None:
        """Refuse every later write and drop the tail; waiters hear it. Idempotent."""
        self._end(trio.BrokenResourceError)

    def _write_some(self, data: bytes | bytearray) -> int:
        try:
            # The number is asked for each time: a closed socket has -1, and a kept one may
            # belong to another connection by now.
            return os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._end(trio.BrokenResourceError)
            raise trio.BrokenResourceError("the peer is gone") from error

    async def _drain_tail(self) -> None:
        unsent = _unsent_bytes(self._socket)
        while self._tail and self.error is None:
            with trio.move_on_after(NO_PROGRESS_S) as scope:
                try:
                    await trio.lowlevel.wait_writable(self._socket)
                except (trio.ClosedResourceError, OSError):
                    self._end(trio.BrokenResourceError)
                    return
            if scope.cancelled_caught:
                # A small unsent mark makes a slow peer's socket writable only now and then: what
                # counts is whether the peer acknowledged anything.
                before, unsent = unsent, _unsent_bytes(self._socket)
                if unsent is None or before is None or unsent >= before:
                    self._end(trio.TooSlowError)
                    return
                continue
            self._write_tail()
            unsent = _unsent_bytes(self._socket)
        self._waiting.unpark_all()

    def _write_tail(self) -> None:
        try:
            sent = self._write_some(self._tail)
        except trio.BrokenResourceError:
            return  # `_end` was told; whoever waits hears it there.
        del self._tail[:sent]

    def _end(self, error: type[trio.BrokenResourceError | trio.TooSlowError]) -> None:
        if self.error is None:
            self.error = error
            self._tail = bytearray()
            self._waiting.unpark_all()
            self._on_broken()


def _unsent_bytes(socket: trio.socket.SocketType) -> int | None:
    """Return what the kernel holds that the peer has not acknowledged; None where unknown."""
    if sys.platform != "linux":
        return None
    held = array.array("i", [0])
    try:
        fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, held)
    except (OSError, ValueError):
        return None
    return held[0]
