"""What a connection answers: `ok`, `error`, their JSON-RPC forms; and how many errors in a row.

Written by the reader and by the session, in whichever order things get done.
"""

from collections.abc import Callable
from typing import Any, Final, final

import attrs

from netra_actors.errors import ClientError, RateLimited
from netra_actors.protocol.answers import (
    encode_error,
    encode_ok,
    encode_rpc_error,
    encode_rpc_result,
    ok_body,
)
from netra_actors.protocol.close_codes import CloseCode
from netra_actors.protocol.controls import Control
from netra_actors.protocol.decoding import Decoded
from netra_actors.sessions.directory import Done

MAX_ERRORS_IN_A_ROW: Final = 100


@final
@attrs.define(eq=False, kw_only=True)
class Answers:
    """The answers of one connection.

    An error closes nothing; a hundred with no success between them end the connection.
    """

    send: Callable[[bytes], None]
    end: Callable[[int], None]
    wall_clock_ms: Callable[[], int]
    on_error: Callable[[str], None]
    """Told the code of each error."""
    _errors: int = attrs.field(default=0, init=False)

    def accept(self, decoded: Decoded, done: Done) -> None:
        """Answer `ok`."""
        self._errors = 0
        if not decoded.wants_answer:
            return
        fields = dict(done.fields)
        message_id = decoded.message_id or fields.get("message_id")
        fields.pop("message_id", None)
        if decoded.is_rpc:
            body = ok_body(decoded.re, message_id, fields, duplicate=done.duplicate)
            self.send(encode_rpc_result(decoded.rpc_id, body))
        else:
            self.send(encode_ok(decoded.re, message_id, fields, done.duplicate))

    def done(self, decoded: Decoded, *, at: int) -> None:
        """Note a command that has no `ok`; a JSON-RPC request is answered in any case."""
        self._errors = 0
        if decoded.is_rpc:
            self.accept(decoded, Done({"at": at}))

    def say(self, decoded: Decoded, control: Control) -> None:
        """Answer with a control object."""
        self._errors = 0
        if not decoded.is_rpc:
            self.send(control.encode())
        elif decoded.wants_answer:
            self.send(encode_rpc_result(decoded.rpc_id, control.body()))

    def refuse(self, decoded: Decoded, error: ClientError) -> None:
        """Answer `error`; a notification's is only counted."""
        if decoded.wants_answer:
            rpc = (decoded.rpc_id,) if decoded.is_rpc else None
            self._send_error(error, message_id=decoded.message_id, re=decoded.re, rpc=rpc)
        self._count(error)

    def refuse_unread(self, error: ClientError) -> None:
        """Answer a frame that could not be read, with what the error carries of it."""
        rpc = (error.rpc_id,) if error.is_rpc else None
        self._send_error(error, message_id=error.message_id, re=error.re, rpc=rpc)
        self._count(error)

    def _send_error(
        self,
        error: ClientError,
        *,
        message_id: str | None,
        re: str | None,
        rpc: tuple[Any] | None,
    ) -> None:
        now = self.wall_clock_ms()
        if rpc is not None:
            self.send(encode_rpc_error(rpc[0], error, message_id, re, now))
        else:
            self.send(encode_error(error, message_id, re, now))

    def _count(self, error: ClientError) -> None:
        self.on_error(error.code)
        self._errors += 1
        if self._errors >= MAX_ERRORS_IN_A_ROW:
            self.end(CloseCode.ABUSE)


def carrying(read: ClientError, error: RateLimited) -> RateLimited:
    """Give *error* what could be read of the frame that *read* is about."""
    error.message_id, error.re = read.message_id, read.re
    error.is_rpc, error.rpc_id = read.is_rpc, read.rpc_id
    return error
