"""Sockets without a credential: few for each address."""

from contextlib import ExitStack

import pytest

from netra_actors.web.pending import PendingSockets


def test_each_address_has_its_own_count() -> None:
    pending = PendingSockets()
    with ExitStack() as held:
        for _ in range(2):
            assert held.enter_context(pending.hold("a", limit=2, exempt=False))
        with pending.hold("a", limit=2, exempt=False) as admitted:
            assert not admitted
        with pending.hold("b", limit=2, exempt=False) as admitted:
            assert admitted


def test_who_leaves_makes_room_and_is_forgotten() -> None:
    pending = PendingSockets()
    for _ in range(5):
        with pending.hold("a", limit=1, exempt=False) as admitted:
            assert admitted
    assert pending._held == {}


def test_a_refused_one_does_not_take_the_place_of_another() -> None:
    pending = PendingSockets()
    with pending.hold("a", limit=1, exempt=False):
        with pending.hold("a", limit=1, exempt=False):
            pass
        assert pending._held == {"a": 1}


def test_a_crash_gives_the_place_back() -> None:
    pending = PendingSockets()
    with pytest.raises(KeyError), pending.hold("a", limit=1, exempt=False):
        raise KeyError("a defect")
    assert pending._held == {}


def test_who_has_shown_a_credential_does_not_count() -> None:
    pending = PendingSockets()
    with ExitStack() as held:
        for _ in range(5):
            assert held.enter_context(pending.hold("a", limit=1, exempt=True))
        assert pending._held == {}
