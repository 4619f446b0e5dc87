"""``rate_limit``: a token bucket, full at first, which a request takes a token from."""

import time
from collections.abc import Callable

from exporter.web.config.model import RateLimit


class TokenBucket:
    """The bucket of one limit; a ``burst`` of 0 holds no token ever, as in the toolkit."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is in seconds; nobody may set it."""
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled_at = clock()

    def take(self) -> bool:
        """Take a token; False where there is none."""
        now = self._clock()
        since = now - self._filled_at
        self._tokens = min(self.limit.burst, self._tokens + since / self.limit.interval)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
