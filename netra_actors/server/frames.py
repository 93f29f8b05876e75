"""The ASGI extension ``netra.frames``: whole text frames, written synchronously.

It is offered in ``scope["extensions"]`` of every WebSocket and works from the accept until
either side closes. Frames are made by hand: unmasked, uncompressed, unfragmented, so the protocol
library underneath need not know of them.
"""

import functools
import struct
from collections.abc import Callable, Sequence
from typing import final

import attrs
import trio

from netra_actors.server.writer import Writer

_TEXT = 0x81
_PING = 0x89


@functools.lru_cache(maxsize=4096)
def _header(opcode: int, length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", opcode, length)
    if length < 1 << 16:
        return struct.pack("!BBH", opcode, 126, length)
    return struct.pack("!BBQ", opcode, 127, length)


@final
@attrs.define(eq=False)
class Frames:
    """What an application gets as ``scope["extensions"]["netra.frames"]``.

    Attributes:
        last_heard: `trio.current_time` when bytes last came from the peer.
        gone: set when the peer has left.
    """

    _writer: Writer
    _hang_up: Callable[[], None]
    last_heard: float = attrs.field(factory=trio.current_time, init=False)
    gone: trio.Event = attrs.field(factory=trio.Event, init=False)
    _is_open: bool = attrs.field(default=False, init=False)

    @property
    def tail_bytes(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        return self._writer.tail_bytes

    def write(self, payloads: Sequence[bytes]) -> bool:
        """Send each payload (UTF-8) as one text frame; True if the kernel has taken all.

        Raises:
            trio.BrokenResourceError: the peer is gone, the socket is closing or not accepted yet,
                or the tail would pass 1 MiB; nothing of this call was written.
        """
        self._refuse_unless_open()
        if len(payloads) == 1:
            payload = payloads[0]
            return self._writer.write(_header(_TEXT, len(payload)) + payload)
        parts: list[bytes] = []
        for payload in payloads:
            parts += (_header(_TEXT, len(payload)), payload)
        return self._writer.write(b"".join(parts))

    async def drain(self) -> None:
        """Wait until the tail is empty.

        Cancellation: loses nothing.

        Raises:
            trio.BrokenResourceError: the connection is dead.
            trio.TooSlowError: it was ended because the peer took nothing for 10 s.
        """
        await self._writer.drain()

    def ping(self, data: bytes = b"") -> bool:
        """Send a ping behind the tail; returns and raises as `write`.

        Raises:
            ValueError: over 125 bytes.
        """
        self._refuse_unless_open()
        if len(data) > 125:
            raise ValueError("a ping carries at most 125 bytes")
        return self._writer.write(_header(_PING, len(data)) + data)

    def hang_up(self) -> None:
        """End the connection: what was written still gets a second to leave. Idempotent."""
        self._is_open = False
        self._hang_up()

    def open(self) -> None:
        """The 101 was written: frames may follow."""
        self._is_open = True

    def shut(self) -> None:
        """A close frame was written or came: no frame may follow."""
        self._is_open = False

    def _refuse_unless_open(self) -> None:
        if not self._is_open:
            raise trio.BrokenResourceError("the socket is not open")
