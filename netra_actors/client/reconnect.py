"""The loop that keeps a session connected, one connection after the other.

It owns every task of a connection: a reader, a writer, and for a moment the renewal of a token.
They live and die in `_converse`; nothing of a connection is left when the next one begins.
"""

import math
from typing import Final, final

import attrs
import trio

from netra_actors.client.actions import Disconnected, Drop, Failed, RenewToken
from netra_actors.client.backoff import Backoff, Decision, Then
from netra_actors.client.encoding import encode_command
from netra_actors.client.errors import FoldFailed, Refused, SessionEnded, Unreachable
from netra_actors.client.hub import Hub
from netra_actors.client.link import LOST, Ending, Link, LinkEnded, Opener
from netra_actors.client.tokens import TokenSource
from netra_actors.errors import ClientError, NetraError, Unauthorized
from netra_actors.protocol.commands import Auth

_SILENT: Final = "the service was silent for longer than its heartbeat allows"


@final
@attrs.define(eq=False, kw_only=True)
class Reconnector:
    """Connects, resumes, and ends the session's hub when there is nothing left to try."""

    hub: Hub
    open: Opener
    url: str
    tokens: TokenSource
    device: str | None = None
    thread_id: str | None = None
    """The current thread, so that a new connection has it too."""
    wait_for_service: bool = False
    """Whether the first connection may fail and be tried again."""
    give_up_after_s: float = math.inf
    """How long the session may be without a connection before it ends."""
    backoff: Backoff = attrs.field(factory=Backoff)
    _welcomed: bool = attrs.field(default=False, init=False)
    _down_since: float = attrs.field(factory=trio.current_time, init=False)
    _renewed: bool = attrs.field(default=False, init=False)

    async def run(self) -> None:
        """Keep the session connected until it ends or this is cancelled.

        What a token provider raises is passed on; all else becomes the hub's end.
        """
        try:
            while True:
                ending = await self._one_connection()
                if isinstance(ending, FoldFailed):
                    raise ending
                drain_delay_s = self.hub.core.drain_delay_s
                await self._follow(ending, self.backoff.decide(ending, drain_delay_s=drain_delay_s))
        except (SessionEnded, ClientError) as error:
            self.hub.end(error)

    async def _one_connection(self) -> Ending | FoldFailed:
        token = await self.tokens.current()
        headers = [("Authorization", f"Bearer {token}")] if token else []
        try:
            async with self.open(self.url, headers) as link:
                return await self._converse(link)
        except LinkEnded as ended:
            return ended.ending
        finally:
            self._connection_ended()

    def _connection_ended(self) -> None:
        now = trio.current_time()
        if self.hub.connected:
            self._down_since, self._welcomed, self._renewed = now, True, False
            self.backoff.connected_for(now - self.hub.connected_at)
        self.hub.closed()

    async def _converse(self, link: Link) -> Ending | FoldFailed:
        hello = self.hub.opened(
            now=trio.current_time(), device=self.device, thread_id=self.thread_id
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, link, hello)
            ending = await self._read(link, nursery)
            nursery.cancel_scope.cancel(reason="the connection ended")
        return ending

    async def _write(self, link: Link, hello: str) -> None:
        try:
            await link.send(hello)
            while True:
                for frame in self.hub.take_outgoing(now=trio.current_time()):
                    await link.send(frame)
                await self.hub.wait_outgoing()
        except LinkEnded:
            return  # the reader, which still has frames to read, says how it ended

    async def _read(self, link: Link, nursery: trio.Nursery) -> Ending | FoldFailed:
        while True:
            frame = None
            with trio.move_on_at(self.hub.core.give_up_at):
                try:
                    frame = await link.receive()
                except LinkEnded as ended:
                    return ended.ending
            if frame is None:
                return Ending(LOST, _SILENT)
            match self.hub.receive(frame, now=trio.current_time()):
                case Drop(reason):
                    return Ending(LOST, reason)
                case Failed(error):
                    return error
                case RenewToken() if self.tokens.renewable:
                    nursery.start_soon(self._renew)
                case _:
                    pass

    async def _renew(self) -> None:
        try:
            token = await self.tokens.renew()
        except NetraError:
            return  # asked again when the service refuses the old one
        self.hub.send_once(encode_command(Auth(token=token)))

    async def _follow(self, ending: Ending, decision: Decision) -> None:
        error = self.hub.core.last_error
        match decision.then:
            case Then.STOP:
                raise Refused(
                    ending.http_status or ending.code, _sentence(decision.text, ending, error)
                )
            case Then.NEW_TOKEN:
                await self._new_token(error)
            case Then.NO_CURSOR:
                self.hub.core.forget()
            case Then.RECONNECT:
                self._check_patience(ending, decision)
        self.hub.publish(Disconnected(str(LinkEnded(ending)), decision.delay_s))
        await trio.sleep(decision.delay_s)

    async def _new_token(self, error: ClientError | None) -> None:
        if self._renewed:
            raise error or Unauthorized("the service refuses the new token too")
        if not self.tokens.renewable and error is not None:
            raise error
        await self.tokens.renew()
        self._renewed = True

    def _check_patience(self, ending: Ending, decision: Decision) -> None:
        if not (self._welcomed or self.wait_for_service) and ending.code == LOST:
            raise Unreachable(f"no answer from {self.url}: {LinkEnded(ending)}")
        if trio.current_time() + decision.delay_s > self._down_since + self.give_up_after_s:
            raise Unreachable(
                f"no connection to {self.url} for {self.give_up_after_s:g} s: {LinkEnded(ending)}"
            )


def _sentence(text: str, ending: Ending, error: ClientError | None) -> str:
    said = str(error) if error is not None else ending.reason
    return f"{text} ({said})" if said else text
