"""How the text of an environment variable becomes a value, and what to say when it cannot.

`Named` carries the variable's name along with its text, so that the error can say which of a
setting's names was wrong. A value that is no `Named` text is a default: it passes unchanged.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias, final
from urllib.parse import urlsplit, urlunsplit

import attrs

from netra_actors.errors import ConfigurationError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_SIZE: Final = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)?\Z", re.IGNORECASE)
_UNITS: Final = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


@final
class Secret(str):
    """Text that its `repr` does not show, so that no log or traceback prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@final
class Address(str):
    """A URL whose `repr` hides the password in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask_password(str(self)))


def mask_password(url: str) -> str:
    """Return *url* with ``***`` where it has a password; all of it when it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    if "@" not in parts.netloc:
        return url
    credentials, _, place = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{place}"))


@final
class Named(str):
    """The text of one environment variable, and its name."""

    __slots__ = ("variable",)
    variable: str

    def __new__(cls, variable: str, text: str) -> "Named":
        """Return *text* that remembers that it stood in *variable*."""
        named = super().__new__(cls, text)
        named.variable = variable
        return named


@final
@attrs.frozen
class Kind:
    """What a setting accepts, in words, and how it is read. Callable: it is the converter."""

    accepts: str
    parse: Callable[[str], Any]
    """Raises ValueError when the text is not accepted."""
    show: Callable[[str], str] = str
    """What of the text may be printed."""

    def __call__(self, value: Any) -> Any:
        """Return the parsed value; anything but a `Named` text is returned unchanged.

        Raises:
            ConfigurationError: names the variable, its text and what is accepted.
        """
        if not isinstance(value, Named):
            return value
        text = str(value).strip()
        try:
            return self.parse(text)
        except ValueError:
            raise ConfigurationError(
                f"{value.variable}={self.show(text)!r} is not accepted: it must be {self.accepts}"
            ) from None


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def integer(low: int, high: int | None = None) -> Kind:
    """Accept a whole number from *low* to *high*."""

    def parse(text: str) -> int:
        number = int(text)
        _require(number >= low and (high is None or number <= high))
        return number

    return Kind(f"a whole number {_span(low, high)}", parse)


def seconds(low: float = 0.0, high: float | None = None) -> Kind:
    """Accept a finite number of seconds."""

    def parse(text: str) -> float:
        number = float(text)
        _require(math.isfinite(number) and number >= low and (high is None or number <= high))
        return number

    return Kind(f"a number of seconds {_span(low, high)}", parse)


def rate() -> Kind:
    """Accept a rate per second above 0."""

    def parse(text: str) -> float:
        number = float(text)
        _require(math.isfinite(number) and number > 0)
        return number

    return Kind("a number above 0", parse)


def size(low: int, high: int | None = None) -> Kind:
    """Accept bytes: a whole number, or one followed by KiB, MiB or GiB."""

    def parse(text: str) -> int:
        match = _SIZE.match(text)
        if match is None:
            raise ValueError
        number = int(match[1]) * _UNITS[(match[2] or "B").lower()]
        _require(number >= low and (high is None or number <= high))
        return number

    return Kind(f"a number of bytes {_span(low, high)}, such as 8192 or 64KiB", parse)


def _span(low: float, high: float | None) -> str:
    return f"of at least {low}" if high is None else f"from {low} to {high}"


def choice(*names: str) -> Kind:
    """Accept one of *names*, in any case."""

    def parse(text: str) -> str:
        _require(text.lower() in names)
        return text.lower()

    return Kind("one of " + ", ".join(names), parse)


def text() -> Kind:
    """Accept any text."""
    return Kind("text", str)


def secret(min_bytes: int) -> Kind:
    """Accept a secret of at least *min_bytes*; it is never printed."""

    def parse(text: str) -> Secret:
        _require(len(text.encode()) >= min_bytes)
        return Secret(text)

    return Kind(f"a secret of at least {min_bytes} bytes", parse, show=lambda _: "***")


def url(*schemes: str) -> Kind:
    """Accept a URL with one of *schemes*."""

    def parse(text: str) -> Address:
        _require(urlsplit(text).scheme in schemes)
        return Address(text)

    accepts = "a URL that starts with " + " or ".join(f"{scheme}:" for scheme in schemes)
    return Kind(accepts, parse, show=mask_password)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def modules() -> Kind:
    """Accept names of Python modules, comma-separated."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(_items(text))
        _require(all(_MODULE.match(name) for name in names))
        return names

    return Kind("names of Python modules, comma-separated", parse)


def _origin(item: str) -> str:
    parts = urlsplit(item)
    _require(parts.scheme in {"http", "https"} and bool(parts.hostname))
    _require(parts.path in {"", "/"} and not parts.query and "@" not in parts.netloc)
    return f"{parts.scheme}://{parts.netloc}".lower()


def origins() -> Kind:
    """Accept origins such as ``https://app.example.org``, comma-separated; no ``*``."""
    return Kind(
        "origins such as https://app.example.org, comma-separated",
        lambda text: tuple(_origin(item) for item in _items(text)),
    )


def networks() -> Kind:
    """Accept addresses and CIDR networks, comma-separated, or ``*`` for all."""

    def parse(text: str) -> tuple[Network, ...]:
        if text == "*":
            return (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
        return tuple(ipaddress.ip_network(item) for item in _items(text))

    return Kind("addresses or networks such as 10.0.0.0/8, comma-separated, or *", parse)
