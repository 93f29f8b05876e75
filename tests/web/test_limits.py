from hypothesis import given
from hypothesis import strategies as st

from netra_actors.web.limits import Buckets, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    clock = Clock()
    bucket = TokenBucket(per_s=2.0, burst=3, clock=clock)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take() == 0.5
    clock.now = 0.5
    assert bucket.take() == 0.0


def test_a_refused_call_takes_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(per_s=1.0, burst=1, clock=clock)
    bucket.take()
    for _ in range(100):
        assert bucket.take() == 1.0


def test_a_clock_that_steps_back_gives_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(per_s=1.0, burst=1, clock=clock)
    bucket.take()
    clock.now = -100.0
    assert bucket.take() > 0


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=60))
def test_no_pattern_of_calls_gets_more_than_burst_plus_rate(pauses: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(per_s=2.0, burst=5, clock=clock)
    granted = 0
    for pause in pauses:
        clock.now += pause
        granted += bucket.take() == 0.0
    assert granted <= 5 + 2.0 * clock.now + 1e-6


def test_one_users_calls_do_not_count_for_another() -> None:
    buckets = Buckets[str](per_s=1.0, burst=1, clock=Clock())
    assert buckets.take("alice") == 0.0
    assert buckets.take("alice") > 0
    assert buckets.take("bob") == 0.0


def test_full_buckets_are_forgotten_as_others_come() -> None:
    clock = Clock()
    buckets = Buckets[int](per_s=1.0, burst=1, clock=clock)
    for key in range(1000):
        clock.now += 2
        buckets.take(key)
    assert len(buckets) < 5


def test_the_number_of_buckets_is_bounded_and_the_oldest_gives_way() -> None:
    buckets = Buckets[int](per_s=1.0, burst=1, clock=Clock(), capacity=10)
    for key in range(100):
        buckets.take(key)
    assert len(buckets) == 10
    assert buckets.take(99) > 0


def test_a_forgotten_key_starts_anew() -> None:
    buckets = Buckets[str](per_s=1.0, burst=1, clock=Clock())
    buckets.take("alice")
    buckets.forget("alice")
    assert buckets.take("alice") == 0.0
