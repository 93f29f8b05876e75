"""Token buckets: how often one user may ask, over HTTP and all of the user's sockets."""

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar, final

import attrs
import trio

K = TypeVar("K", bound=Hashable)

_MAX_BUCKETS: Final = 100_000


@final
@attrs.define(eq=False)
class TokenBucket:
    """Holds up to `burst` tokens and gains `per_s` each second; each call takes one.

    Policy at its bound: refuse, and say after how many seconds a token will be there.
    """

    per_s: float
    burst: float
    clock: Callable[[], float] = trio.current_time
    """Gives seconds; it is read once for each call."""
    _tokens: float = attrs.field(init=False)
    _at: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst
        self._at = self.clock()

    def take(self, tokens: float = 1.0) -> float:
        """Take *tokens*; return 0.0, or the seconds to wait when they are not there."""
        self._refill()
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self.per_s

    def is_full(self) -> bool:
        """Return whether forgetting this bucket would change nothing."""
        self._refill()
        return self._tokens >= self.burst

    def _refill(self) -> None:
        now = self.clock()
        # A clock that steps back gives nothing, and takes nothing.
        gained = max(0.0, now - self._at) * self.per_s
        self._tokens = min(self.burst, self._tokens + gained)
        self._at = now


@final
@attrs.define(eq=False)
class Buckets(Generic[K]):
    """One `TokenBucket` for each key that asked lately: a user, a connection, an address.

    Full buckets are forgotten. At `capacity` the key that asked longest ago gives way: it
    starts anew with a full bucket, which is the kindest of the wrong answers.
    """

    per_s: float
    burst: float
    clock: Callable[[], float] = trio.current_time
    capacity: int = _MAX_BUCKETS
    _buckets: dict[K, TokenBucket] = attrs.field(factory=dict, init=False)

    def take(self, key: K, tokens: float = 1.0) -> float:
        """Take *tokens* of *key*; return 0.0, or the seconds to wait."""
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = TokenBucket(self.per_s, self.burst, self.clock)
            self._make_room()
        self._buckets[key] = bucket
        return bucket.take(tokens)

    def forget(self, key: K) -> None:
        """Drop *key*, such as a connection that closed."""
        self._buckets.pop(key, None)

    def __len__(self) -> int:
        return len(self._buckets)

    def _make_room(self) -> None:
        # The dict is in the order of use, so the first ones are the likeliest to be full. Two
        # for each that comes: the number of those that are forgettable cannot grow.
        for key in [key for key, _ in zip(self._buckets, range(2), strict=False)]:
            if self._buckets[key].is_full() or len(self._buckets) >= self.capacity:
                del self._buckets[key]
