import contextlib
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.errors import ConfigurationError
from netra_actors.settings import values
from netra_actors.settings.values import Address, Kind, Named, Secret, mask_password


def read(kind: Kind, text: str) -> Any:
    return kind(Named("NETRA_X", text))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (values.integer(0, 10), " 7 ", 7),
        (values.seconds(0), "0.5", 0.5),
        (values.rate(), "20", 20.0),
        (values.size(1), "8192", 8192),
        (values.size(1), "64KiB", 65536),
        (values.size(1), "1 mib", 1 << 20),
        (values.choice("commit", "fsync"), "FSYNC", "fsync"),
        (values.secret(4), "longer", "longer"),
        (values.url("http", "https"), "https://h/p", "https://h/p"),
        (values.modules(), "a.b, c", ("a.b", "c")),
        (
            values.origins(),
            "https://App.example.org/,http://x:81",
            ("https://app.example.org", "http://x:81"),
        ),
        (values.networks(), "10.0.0.0/8", (ipaddress.ip_network("10.0.0.0/8"),)),
        (values.text(), "anything", "anything"),
    ],
)
def test_what_is_accepted_is_read(kind: Kind, text: str, value: Any) -> None:
    assert read(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (values.integer(0, 10), "11"),
        (values.integer(0, 10), "-1"),
        (values.integer(0, 10), "1.5"),
        (values.seconds(0), "nan"),
        (values.seconds(0), "inf"),
        (values.seconds(1, 2), "3"),
        (values.rate(), "0"),
        (values.rate(), "inf"),
        (values.size(1), "64K"),
        (values.size(1), "-1"),
        (values.size(1024), "1023"),
        (values.choice("commit"), "never"),
        (values.url("https"), "ftp://h"),
        (values.modules(), "a-b"),
        (values.modules(), "../x"),
        (values.origins(), "*"),
        (values.origins(), "app.example.org"),
        (values.origins(), "https://h/path"),
        (values.origins(), "null"),
        (values.networks(), "10.0.0.1/8"),
        (values.networks(), "everywhere"),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_what_is_accepted(kind: Kind, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(kind, text)
    message = str(caught.value)
    assert message.startswith(f"NETRA_X={text!r} is not accepted")
    assert message.endswith(f"it must be {kind.accepts}")


def test_a_secret_is_never_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(values.secret(32), "hunter2")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Secret("hunter2"))


def test_a_password_in_a_wrong_address_is_not_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(values.url("postgresql"), "mysql://me:hunter2@h/db")
    assert "hunter2" not in str(caught.value)
    assert "mysql://me:***@h/db" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@h:6379/0", "redis://:***@h:6379/0"),
        ("postgres://u:p@ss@h/db", "postgres://u:***@h/db"),
        ("sqlite:///netra.db", "sqlite:///netra.db"),
        ("http://[bad", "***"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert mask_password(url) == shown
    assert repr(Address(url)) == repr(shown)


def test_a_default_passes_unchanged() -> None:
    assert values.integer(0, 1)(99) == 99
    assert values.secret(32)(None) is None


def test_everybody_may_be_a_trusted_proxy() -> None:
    networks = read(values.networks(), "*")
    assert ipaddress.ip_address("203.0.113.9") in networks[0]
    assert ipaddress.ip_address("2001:db8::1") in networks[1]


KINDS = [
    values.integer(0, 10), values.seconds(), values.rate(), values.size(1), values.modules(),
    values.origins(), values.networks(), values.url("http"), values.choice("a"), values.secret(3),
]  # fmt: skip


@given(st.sampled_from(KINDS), st.text(max_size=30))
def test_no_text_raises_anything_else(kind: Kind, text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        read(kind, text)
