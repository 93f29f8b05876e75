import math

from netra_actors.client.acks import EVERY_BYTES, AckClock


def test_nothing_received_means_nothing_to_acknowledge() -> None:
    assert AckClock().due_at == math.inf


def test_an_ack_is_due_one_second_after_the_first_event() -> None:
    clock = AckClock()
    clock.received(100, 1, now=10.0)
    clock.received(100, 1, now=10.9)
    assert clock.due_at == 11.0


def test_above_256_events_a_second_it_is_due_after_five() -> None:
    clock = AckClock()
    clock.received(100, 256, now=10.0)
    assert clock.due_at == 11.0
    clock.received(1, 1, now=10.5)
    assert clock.due_at == 15.0


def test_256_kib_are_acknowledged_at_once() -> None:
    clock = AckClock()
    clock.received(EVERY_BYTES - 1, 1, now=10.0)
    assert clock.due_at == 11.0
    clock.received(1, 1, now=10.0)
    assert clock.due_at == -math.inf


def test_clearing_starts_anew() -> None:
    clock = AckClock()
    clock.received(EVERY_BYTES, 300, now=10.0)
    clock.clear()
    assert clock.due_at == math.inf
    clock.received(1, 1, now=20.0)
    assert clock.due_at == 21.0
