"""Redaction: what of a tool's parameters may be shown.

A key is split into words at ``_``, ``-``, other punctuation and case. The value under it becomes
``"***"`` when a word is one of `SECRET_WORDS`, or when the key is, or ends with, ``api_key`` or
``apikey``. So ``accessToken`` and ``openai-api-key`` are hidden and ``input_tokens`` is not.
"""

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from netra_actors.protocol.text import MAX_PARAMETER_CHARS, clean_text, cut

SECRET_WORDS: Final = frozenset({
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "credential",
})
HIDDEN: Final = "***"
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 1_000
"""How many values of one set of parameters are shown; what comes later is `LEFT_OUT`."""
LEFT_OUT: Final = "..."

_ATOMS: Final = (str, bytes, bytearray, memoryview)
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATOR: Final = re.compile(r"[\W_]+")


def is_secret(key: str) -> bool:
    """Return whether the value under *key* is hidden."""
    words = [word.lower() for word in _SEPARATOR.split(_WORD_START.sub("_", key))]
    return not SECRET_WORDS.isdisjoint(words) or "".join(words).endswith("apikey")


def redact(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return *parameters* as JSON values that may be shown; *parameters* stay as they are.

    Strings and keys are cut at 200 characters and cleaned. What has no JSON form appears as its
    type's name, because its `repr` might tell a secret. Nesting beyond 16, values beyond the
    thousandth and cycles end in `LEFT_OUT`.
    """
    return _Redaction().mapping(parameters, 0)


class _Redaction:
    """One walk through one set of parameters."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, inner in value.items():
            if self._left <= 0:
                shown[LEFT_OUT] = LEFT_OUT
                break
            name = str(key)
            hide = is_secret(name)
            shown[_text(name)] = HIDDEN if hide else self._value(inner, depth + 1)
        return shown

    def _value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, Mapping | Sequence | AbstractSet) and not isinstance(value, _ATOMS):
            if depth > MAX_DEPTH:
                return LEFT_OUT
            if isinstance(value, Mapping):
                return self.mapping(value, depth)
            return self._items(value, depth)
        return _atom(value)

    def _items(self, value: Sequence[Any] | AbstractSet[Any], depth: int) -> list[Any]:
        shown: list[Any] = []
        for inner in value:
            if self._left <= 0:
                shown.append(LEFT_OUT)
                break
            shown.append(self._value(inner, depth + 1))
        return shown


def _atom(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case int() | float():
            return _number(value)
        case str():
            return _text(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case _:
            return f"<{type(value).__name__}>"


def _number(value: float) -> Any:
    # JSON has no such numbers, and its readers in browsers none beyond these.
    if isinstance(value, int):
        return int(value) if -(2**53) < value < 2**53 else cut(str(value), MAX_PARAMETER_CHARS)
    return float(value) if math.isfinite(value) else str(value)


def _text(text: str) -> str:
    return clean_text(cut(str(text), MAX_PARAMETER_CHARS))
