"""Whether a watch can be trusted again after a failure, and how long to wait before the next try.

An API server that accepts a watch may fail it at once, for hours, and one that has forgotten a
version may forget each. So what ends a failure depends on what it was, and only the first expired
version is answered by a list without a wait. The states are the lines of this table, the columns
what can come; ``wait`` is a delay that grows with each failure.

=====================  ============  ===========  ======================  ==========================
state                  progress      refused      failed after accept     expired
=====================  ============  ===========  ======================  ==========================
HEALTHY                              wait         wait                    list at once
                                     REFUSED      FAILING_AFTER_ACCEPT    RELISTED
REFUSED                HEALTHY       wait         wait                    list at once
                                                  FAILING_AFTER_ACCEPT    RELISTED
FAILING_AFTER_ACCEPT   HEALTHY       wait         wait                    list at once
                                     REFUSED                              FAILING_AFTER_RELIST
RELISTED               HEALTHY       wait         wait                    wait
                                                  FAILING_AFTER_RELIST    FAILING_AFTER_RELIST
FAILING_AFTER_RELIST   HEALTHY       wait         wait                    wait
                                     RELISTED
=====================  ============  ===========  ======================  ==========================
"""

from enum import Enum
from typing import Final, NamedTuple

from exporter.cluster.client import RequestError
from exporter.runtime.backoff import Backoff

EXPIRED: Final = frozenset({"expired", "rewound"})
"""Reasons of a failure that only a new list can end."""
AFTER_ACCEPT: Final = frozenset({"ended", "error_event", "cut", "stalled"})
"""Reasons of a failure that come when a request was accepted; all others refuse it."""
_EVERYDAY: Final = frozenset({"cut", "ended"})
"""What happens to any watch now and then; an error only where it comes again."""


class WatchState(Enum):
    """What has failed since the last progress."""

    HEALTHY = "healthy"
    """Nothing."""
    REFUSED = "refused"
    """The last request was refused: once a watch is accepted, all is well."""
    FAILING_AFTER_ACCEPT = "failing after accept"
    """The last request was accepted, and failed: that the next is accepted proves nothing."""
    RELISTED = "relisted"
    """An expired version was answered by a list; the next will have to wait."""
    FAILING_AFTER_RELIST = "failing after relist"
    """As FAILING_AFTER_ACCEPT, and the next expired version will have to wait."""


class Retry(NamedTuple):
    """What to do about a failure."""

    delay: float | None
    """Seconds to wait before the next request; None: list at once."""
    is_error: bool
    """Whether somebody should know."""


_S = WatchState
_ON_REFUSED: Final = {
    _S.HEALTHY: _S.REFUSED,
    _S.REFUSED: _S.REFUSED,
    _S.FAILING_AFTER_ACCEPT: _S.REFUSED,
    _S.RELISTED: _S.RELISTED,
    _S.FAILING_AFTER_RELIST: _S.RELISTED,
}
_ON_FAILED: Final = {
    _S.HEALTHY: _S.FAILING_AFTER_ACCEPT,
    _S.REFUSED: _S.FAILING_AFTER_ACCEPT,
    _S.FAILING_AFTER_ACCEPT: _S.FAILING_AFTER_ACCEPT,
    _S.RELISTED: _S.FAILING_AFTER_RELIST,
    _S.FAILING_AFTER_RELIST: _S.FAILING_AFTER_RELIST,
}
_ON_EXPIRED: Final = {
    _S.HEALTHY: _S.RELISTED,
    _S.REFUSED: _S.RELISTED,
    _S.FAILING_AFTER_ACCEPT: _S.FAILING_AFTER_RELIST,
    _S.RELISTED: _S.FAILING_AFTER_RELIST,
    _S.FAILING_AFTER_RELIST: _S.FAILING_AFTER_RELIST,
}
_LISTED_AT_ONCE: Final = frozenset({_S.HEALTHY, _S.REFUSED, _S.FAILING_AFTER_ACCEPT})
_PROVED_BY_ACCEPT: Final = frozenset({_S.HEALTHY, _S.REFUSED, _S.RELISTED})


class WatchHealth:
    """The state of one scope's requests; pure, but for the backoff's random jitter."""

    def __init__(self, backoff: Backoff) -> None:
        self.state = WatchState.HEALTHY
        self._backoff = backoff
        self._list_backoff = backoff.another()
        self._listed_at_once = False
        """And no watch has lasted since: the next list waits."""

    @property
    def accepting_is_enough(self) -> bool:
        """Whether all is well as soon as a watch is accepted."""
        return self.state in _PROVED_BY_ACCEPT

    def progress(self, *, lasted: bool) -> bool:
        """The watch has come further; whether that ends a failure.

        Only one that has ``lasted`` lets the next list be made at once: a server that sends an
        event and then forgets the version, again and again, would be asked for a list each time.
        """
        self._backoff.reset()
        if lasted:
            self._listed_at_once = False
            self._list_backoff.reset()
        if self.state is WatchState.HEALTHY:
            return False
        self.state = WatchState.HEALTHY
        return True

    def failed(self, error: RequestError, *, longest: float | None = None) -> Retry:
        """A list or a watch has failed; ``longest``: seconds that a try may be put off now."""
        before = self.state
        delay = self._backoff.next(error.retry_after, most=longest)
        if error.reason in EXPIRED:
            self.state = _ON_EXPIRED[before]
            if self._listed_at_once:
                delay = max(delay, self._list_backoff.next())
            elif before in _LISTED_AT_ONCE:
                self._listed_at_once = True
                return Retry(None, is_error=False)
        else:
            transitions = _ON_FAILED if error.reason in AFTER_ACCEPT else _ON_REFUSED
            self.state = transitions[before]
        first = before is WatchState.HEALTHY
        return Retry(delay, is_error=error.reason not in _EVERYDAY or not first)
