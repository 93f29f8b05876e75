"""Who and what: typed identifiers, the generator that makes them, and the user's identity.

Identifiers look like ``run_0mhx3c9d2k0001a7f3k9qz``: a readable prefix, 48 bits of Unix
milliseconds, a counter within the millisecond, and 50 bits of entropy, in an alphabet whose
text order is its number order. So they sort by time, and two made in one millisecond differ.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NewType, Self, final

import attrs

from netra_actors.errors import InvalidContextError

UserID = NewType("UserID", str)
ThreadID = NewType("ThreadID", str)
RunID = NewType("RunID", str)
MessageID = NewType("MessageID", str)
ConnectionID = NewType("ConnectionID", str)
RequestID = NewType("RequestID", str)
CallID = NewType("CallID", str)
FileID = NewType("FileID", str)

MAX_ID_CHARS: Final = 128
MAX_DEPTH: Final = 10

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS, _COUNTER_CHARS, _ENTROPY_CHARS = 10, 4, 10
_PLACEHOLDERS: Final = frozenset(
    "registry placeholder default temp none null undefined 0 1 xxx yyy example test demo sample "
    "template mock fake dummy".split()
)
_PLACEHOLDER_PREFIX: Final = re.compile(
    r"(placeholder|registry|temp|example|demo|sample|template|mock|fake)_", re.IGNORECASE
)
_ID_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@|+=/-]*\Z")


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(width)))


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    return number


def wall_clock_ms() -> int:
    """Return the Unix time in milliseconds: the one wall clock, injected wherever it is used."""
    return time.time_ns() // 1_000_000


@final
@attrs.frozen
class ParsedID:
    """What `UnifiedIdGenerator.parse_id` found in an identifier."""

    prefix: str
    timestamp: int
    """Unix milliseconds at which it was made."""
    counter: int
    """Place among those made in the same millisecond."""
    random: str


@final
@attrs.define(eq=False)
class UnifiedIdGenerator:
    """Makes every identifier the service hands out.

    Tests pass a counter for `entropy` and a fixed `clock`, so identifiers are the same in
    every run. One generator never makes the same identifier twice, also when the clock stands
    still or steps back.
    """

    entropy: Callable[[int], bytes] = os.urandom
    """Gives that many random bytes."""
    clock: Callable[[], int] = wall_clock_ms
    """Gives Unix milliseconds."""
    _last_ms: int = attrs.field(default=0, init=False)
    _counter: int = attrs.field(default=0, init=False)

    def generate(self, prefix: str) -> str:
        """Return a new identifier that starts with *prefix* and sorts after all before it."""
        now = self.clock()
        if now > self._last_ms:
            self._last_ms, self._counter = now, 0
        else:
            self._counter += 1
            if self._counter >= 32**_COUNTER_CHARS:
                self._last_ms, self._counter = self._last_ms + 1, 0
        random = int.from_bytes(self.entropy(7), "big")
        return (
            f"{prefix}_{_base32(self._last_ms, _TIME_CHARS)}"
            f"{_base32(self._counter, _COUNTER_CHARS)}{_base32(random, _ENTROPY_CHARS)}"
        )

    def generate_user_id(self) -> UserID:
        """Return a new ``u_...``."""
        return UserID(self.generate("u"))

    def generate_thread_id(self) -> ThreadID:
        """Return a new ``thr_...``."""
        return ThreadID(self.generate("thr"))

    def generate_run_id(self) -> RunID:
        """Return a new ``run_...``."""
        return RunID(self.generate("run"))

    def generate_message_id(self) -> MessageID:
        """Return a new ``msg_...``."""
        return MessageID(self.generate("msg"))

    def generate_request_id(self) -> RequestID:
        """Return a new ``req_...``."""
        return RequestID(self.generate("req"))

    def generate_call_id(self) -> CallID:
        """Return a new ``call_...``."""
        return CallID(self.generate("call"))

    def generate_file_id(self) -> FileID:
        """Return a new ``file_...``."""
        return FileID(self.generate("file"))

    def generate_websocket_connection_id(self) -> ConnectionID:
        """Return a new ``conn_...``."""
        return ConnectionID(self.generate("conn"))

    @staticmethod
    def parse_id(identifier: str) -> ParsedID:
        """Take an identifier of this generator apart.

        Raises:
            ValueError: it was not made by a `UnifiedIdGenerator`.
        """
        prefix, _, body = identifier.rpartition("_")
        width = _TIME_CHARS + _COUNTER_CHARS + _ENTROPY_CHARS
        if not prefix or len(body) != width or not set(body) <= set(_ALPHABET):
            raise ValueError(f"{identifier!r} is not <prefix>_<{width} characters>")
        counter = body[_TIME_CHARS : _TIME_CHARS + _COUNTER_CHARS]
        return ParsedID(
            prefix=prefix,
            timestamp=_number(body[:_TIME_CHARS]),
            counter=_number(counter),
            random=body[_TIME_CHARS + _COUNTER_CHARS :],
        )


def check_id(field: str, value: object) -> str:
    """Return *value* if it can be an identifier.

    Raises:
        InvalidContextError: empty, too long, not text, a placeholder such as ``None`` or
            ``registry``, or with characters that do not belong into an identifier.
    """
    if not isinstance(value, str):
        raise InvalidContextError(field, f"must be text, not {type(value).__name__}")
    if not value.strip():
        raise InvalidContextError(field, "is empty")
    if len(value) > MAX_ID_CHARS:
        raise InvalidContextError(field, f"is longer than {MAX_ID_CHARS} characters")
    if value.lower() in _PLACEHOLDERS or (
        len(value) < 20 and _PLACEHOLDER_PREFIX.match(value) is not None
    ):
        raise InvalidContextError(field, f"is the placeholder {value!r}; pass the real one")
    if _ID_FORM.match(value) is None:
        raise InvalidContextError(
            field, "may hold letters, digits and _ . : @ | + = / - and starts with letter or digit"
        )
    return value


def _required(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    check_id(attribute.name, value)


def _optional(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None:
        check_id(attribute.name, value)


def _frozen(values: Iterable[str]) -> frozenset[str]:
    if isinstance(values, str):
        # Each letter of it would be a permission.
        raise InvalidContextError("permissions", f"must be several names, not {values!r}")
    return frozenset(values)


@final
@attrs.frozen(kw_only=True)
class UserExecutionContext:
    """Who is asking: made once where the user was authenticated, passed down, never changed.

    It can be read like a mapping (``context["user_id"]``). `None` means "not bound yet"; an
    empty or placeholder identifier is refused with an `InvalidContextError` naming the field.
    """

    user_id: UserID = attrs.field(validator=_required)
    thread_id: ThreadID | None = attrs.field(default=None, validator=_optional)
    run_id: RunID | None = attrs.field(default=None, validator=_optional)
    request_id: RequestID | None = attrs.field(default=None, validator=_optional)
    connection_id: ConnectionID | None = attrs.field(default=None, validator=_optional)
    plan: str = "mid"
    permissions: frozenset[str] = attrs.field(default=frozenset(), converter=_frozen)
    depth: int = attrs.field(default=0)
    """How many contexts this one descends from; at most 10."""
    parent_request_id: RequestID | None = attrs.field(default=None, validator=_optional)

    @depth.validator
    def _check_depth(self, _: object, value: int) -> None:
        if not 0 <= value <= MAX_DEPTH:
            raise InvalidContextError("depth", f"must be between 0 and {MAX_DEPTH}, got {value}")

    def create_child_context(self, request_id: RequestID, **changes: Any) -> Self:
        """Return a context one level deeper, of the same user, linked to this one.

        Raises:
            InvalidContextError: deeper than 10, a bad identifier, or another `user_id`.
        """
        if changes.get("user_id", self.user_id) != self.user_id:
            raise InvalidContextError("user_id", "of a child context is its parent's")
        return attrs.evolve(
            self,
            **changes,
            request_id=request_id,
            parent_request_id=self.request_id,
            depth=self.depth + 1,
        )

    def bind(self, **changes: Any) -> Self:
        """Return this context with thread, run or connection filled in; the user stays.

        Raises:
            InvalidContextError: a bad identifier, or another `user_id`.
        """
        if changes.get("user_id", self.user_id) != self.user_id:
            raise InvalidContextError("user_id", "of a context never changes")
        return attrs.evolve(self, **changes)

    def allows(self, permission: str) -> bool:
        """Return whether the user's token carried *permission*."""
        return permission in self.permissions

    def keys(self) -> Iterator[str]:
        """Return the names that ``context[name]`` accepts."""
        return iter(attrs.fields_dict(type(self)))

    def __getitem__(self, name: str) -> Any:
        if name not in attrs.fields_dict(type(self)):
            raise KeyError(name)
        return getattr(self, name)
