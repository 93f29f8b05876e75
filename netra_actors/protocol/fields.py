"""The fields of one command's frame: both forms in one, read with checks.

A command may carry its fields beside `type` (the flat form), in `payload`, or in both; the
payload wins. `null` is the same as absent. Errors name a field as it was sent.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, final, get_args

import attrs

from netra_actors.errors import ClientError, ForbiddenUser, InvalidField
from netra_actors.identity import MAX_ID_CHARS
from netra_actors.protocol.command_types import MAX_SEQ, MAX_TITLE_CHARS

_T = TypeVar("_T")


@final
@attrs.frozen
class Fields:
    """The fields of one command, by name; `inner` is the payload, `prefix` its name."""

    outer: Mapping[str, Any]
    inner: Mapping[str, Any] | None
    """None if the frame has no payload."""
    prefix: str = "payload"

    def refuse_other_user(self, user_id: str) -> None:
        """Check that no `user_id` in the command is another's than *user_id*.

        Raises:
            ForbiddenUser: one is.
        """
        for place, fields in (("user_id", self.outer), (f"{self.prefix}.user_id", self.inner)):
            named = None if fields is None else fields.get("user_id")
            if named is not None and named != user_id:
                raise ForbiddenUser("the command names another user", field=place)

    def value(self, name: str) -> Any:
        """Return the field, or None if it is absent or null."""
        value = None if self.inner is None else self.inner.get(name)
        return self.outer.get(name) if value is None else value

    def path(self, name: str) -> str:
        """Return the field's name as it was sent; of a missing one, as it should have been."""
        if self.inner is None or (self.inner.get(name) is None and name in self.outer):
            return name
        return f"{self.prefix}.{name}"

    def invalid(self, name: str, why: str) -> ClientError:
        """Return the error that says what is wrong with the field."""
        path = self.path(name)
        return InvalidField(f"{path} {why}", field=path)

    def need(self, name: str, value: _T | None) -> _T:
        """Return *value*, which was read from the field *name*, if there is one.

        Raises:
            InvalidField: it is None.
        """
        if value is None:
            raise self.invalid(name, "is missing")
        return value

    def text(self, name: str, max_chars: int | None = None) -> str | None:
        """Return a field of text, at most *max_chars* code points long.

        Raises:
            InvalidField: it is no text, or too long.
        """
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.invalid(name, "must be text")
        if max_chars is not None and len(value) > max_chars:
            raise self.invalid(name, f"is longer than {max_chars} characters")
        return value

    def id(self, name: str) -> str | None:
        """Return a field that is an identifier: text of 1 to 128 code points.

        Raises:
            InvalidField: it is not.
        """
        value = self.text(name, MAX_ID_CHARS)
        if value is not None and not value.strip():
            raise self.invalid(name, "is empty")
        return value

    def title(self, name: str) -> str | None:
        """Return a thread's title without the blanks around it; a blank one is None.

        Raises:
            InvalidField: it is no text, or too long.
        """
        value = self.text(name, MAX_TITLE_CHARS)
        return None if value is None else value.strip() or None

    def flag(self, name: str, default: bool) -> bool:
        """Return a field that is true or false.

        Raises:
            InvalidField: it is neither.
        """
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.invalid(name, "must be true or false")
        return value

    def whole(self, name: str, low: int = 0, high: int = MAX_SEQ) -> int | None:
        """Return a field that is a whole number between *low* and *high*.

        Raises:
            InvalidField: it is not.
        """
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.invalid(name, f"must be a whole number from {low} to {high}")
        return value

    def choice(self, name: str, literal: Any, default: str) -> Any:
        """Return a field that is one of the values of the type *literal*.

        Raises:
            InvalidField: it is not.
        """
        value = self.value(name)
        if value is None:
            return default
        options: tuple[str, ...] = get_args(literal)
        if value not in options:
            raise self.invalid(name, f"must be one of {', '.join(options)}")
        return value
