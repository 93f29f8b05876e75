import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_actors.client.backoff import LONGEST_S, Backoff, Then
from netra_actors.client.link import LOST, Ending


def backoff(drawn: float = 1.0) -> Backoff:
    return Backoff(draw=lambda: drawn)


def test_the_first_try_is_at_once_and_the_next_ones_double_to_thirty_seconds() -> None:
    policy = backoff()
    delays = [policy.decide(Ending(LOST, "")).delay_s for _ in range(9)]
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


@given(st.integers(0, 2000), st.floats(0, 1, exclude_max=True))
def test_jitter_is_full_and_never_longer_than_thirty_seconds(failures: int, drawn: float) -> None:
    policy = backoff(drawn)
    policy.failures = failures
    delay_s = policy.decide(Ending(LOST, "")).delay_s
    assert 0 <= delay_s <= LONGEST_S
    assert delay_s == pytest.approx(
        drawn * min(30.0, 0.5 * 2.0 ** min(failures - 1, 10)) if failures else 0.0
    )


@pytest.mark.parametrize(
    ("code", "then"),
    [
        (1000, Then.STOP),
        (1001, Then.RECONNECT),
        (1006, Then.RECONNECT),
        (1011, Then.RECONNECT),
        (4001, Then.RECONNECT),
        (4008, Then.RECONNECT),
        (4012, Then.RECONNECT),
        (4399, Then.RECONNECT),
        (4401, Then.NEW_TOKEN),
        (4403, Then.STOP),
        (4409, Then.NO_CURSOR),
        (4413, Then.STOP),
        (4429, Then.STOP),
        (4499, Then.STOP),
    ],
)
def test_each_close_code_says_what_comes_next(code: int, then: Then) -> None:
    assert backoff().decide(Ending(code, "")).then is then


def test_an_internal_fault_is_never_answered_at_once() -> None:
    assert backoff().decide(Ending(4050, "")).delay_s == 0.5


def test_abuse_stays_away_for_thirty_seconds() -> None:
    assert backoff(0.1).decide(Ending(4029, "")).delay_s == 30


def test_draining_gives_the_delay_and_the_next_failure_is_not_at_once() -> None:
    policy = backoff()
    assert policy.decide(Ending(4001, ""), drain_delay_s=2.5).delay_s == 2.5
    assert policy.decide(Ending(LOST, "")).delay_s == 0.5


def test_a_drain_that_gave_no_delay_backs_off_as_usual() -> None:
    assert backoff().decide(Ending(4001, "")).delay_s == 0


@pytest.mark.parametrize(
    ("status", "then"),
    [(401, Then.NEW_TOKEN), (403, Then.STOP), (404, Then.STOP), (503, Then.RECONNECT)],
)
def test_a_refused_upgrade_is_judged_by_its_status(status: int, then: Then) -> None:
    assert backoff().decide(Ending(LOST, "", http_status=status)).then is then


def test_a_healthy_connection_clears_the_count_and_a_short_one_does_not() -> None:
    policy = backoff()
    policy.decide(Ending(LOST, ""))
    policy.connected_for(0.1)
    assert policy.decide(Ending(LOST, "")).delay_s == 0.5
    policy.connected_for(60)
    assert policy.decide(Ending(LOST, "")).delay_s == 0
