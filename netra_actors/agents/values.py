"""Values of an agent's own, made fit for an event: JSON types, clean text, small pictures."""

import re
from collections.abc import Collection, Mapping, Sized
from itertools import islice
from typing import Any, Final

import msgspec

from netra_actors.protocol.text import clean_text, cut

MAX_ITEMS: Final = 10
"""Items of one list or mapping that a picture shows."""
MAX_NESTING: Final = 8
MAX_PICTURE: Final = 8_000
"""Characters of one picture, about; even as escaped JSON it fits an event."""
MAX_BITS: Final = 1_024
LEFT_OUT: Final = "..."

_ESCAPED_NUL: Final = re.compile(rb"\\u0000")


def builtins(value: Any) -> Any:
    """Return *value* as JSON types with clean text; what cannot be one becomes its picture."""
    if value is None:
        return None
    try:
        return clean(msgspec.to_builtins(value, enc_hook=_plain, str_keys=True))
    except Exception:  # noqa: BLE001  an author's own class may raise anything while it is read
        return clean(describe(value))


def clean(value: Any) -> Any:
    """Return *value*, of JSON types, with U+FFFD for what text may not hold.

    Most values are clean: encoding them says so at a fraction of what a walk costs.
    """
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return _walk(value)
    # A backslash of the text's own looks the same; then the walk finds nothing.
    return value if _ESCAPED_NUL.search(body) is None else _walk(value)


def _walk(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(str(key)): _walk(item) for key, item in value.items()}
        case list() | tuple():
            return [_walk(item) for item in value]
        case _:
            return value


def describe(value: Any) -> Any:
    """Return a small JSON picture of *value*; large things become a few words."""
    return _Picture().value(value, 0)


def describe_all(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return one picture of a call's arguments, by name."""
    picture = _Picture()
    return {name: picture.value(value, 0) for name, value in arguments.items()}


def _plain(value: Any) -> Any:
    # Subclasses of text, such as those of array libraries, are as long as they are.
    return str.__str__(value) if isinstance(value, str) else describe(value)


class _Picture:
    """One walk through one value; it ends when its characters are used up."""

    def __init__(self) -> None:
        self._left = MAX_PICTURE

    def value(self, value: Any, depth: int) -> Any:
        self._left -= 4
        if depth > MAX_NESTING or self._left <= 0:
            return LEFT_OUT
        match value:
            case dict():
                return self._mapping(value, depth)
            case list() | tuple() | set() | frozenset():
                return self._items(value, depth)
            case _:
                return self._atom(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, item in islice(value.items(), MAX_ITEMS):
            if self._left <= 0:
                shown[LEFT_OUT] = LEFT_OUT
                break
            # Keys stay whole: what hides secrets reads them next.
            shown[self._key(key)] = self.value(item, depth + 1)
        return shown

    def _items(self, value: Collection[Any], depth: int) -> list[Any]:
        shown: list[Any] = []
        for item in islice(value, MAX_ITEMS):
            if self._left <= 0:
                break
            shown.append(self.value(item, depth + 1))
        return shown if len(shown) == len(value) else [*shown, f"... {len(value)} in all"]

    def _atom(self, value: Any) -> Any:
        match value:
            case None | bool():
                return value
            case str():
                return self._text(value)
            case int():
                return self._integer(int(value))
            case float():
                return float(value)
            case _:
                return self._text(_words(value))

    def _text(self, text: str) -> str:
        shown = cut(str.__str__(text), 200)
        self._left -= len(shown)
        return shown

    def _key(self, key: Any) -> str:
        name = str(key)
        self._left -= min(len(name), 200)
        return name

    def _integer(self, number: int) -> Any:
        bits = number.bit_length()
        self._left -= bits // 3
        return number if bits <= MAX_BITS else f"int of {bits} bits"


def _words(value: Any) -> str:
    name = type(value).__name__
    if not isinstance(value, Sized):
        return name
    try:
        return f"{name} of {len(value)}"
    except Exception:  # noqa: BLE001  an author's own __len__ may raise anything
        return name
