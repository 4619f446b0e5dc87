"""What metacontroller's calls would have been counted as, of the same simulated cluster.

An exporter that is called has no watches; this one has both, so that one preview shows all panels.
"""

from collections.abc import Callable, Iterable
from typing import Final, cast

from dashboards.queries import SCRAPE_INTERVAL
from exporter.metacontroller import Calls, Hooks, HookSettings, Record
from exporter.metacontroller.hooks import ASK_AGAIN, RELEASE_AFTER
from exporter.simulator.apiserver.event_log import WatchEvent
from exporter.simulator.apiserver.served_resource import CRAWLJOBS

_SCANNED: Final = (3.5 * 3600, 3.7 * 3600)
"""Seconds since the start between which somebody tries what the hook's port has."""
_RESYNC_PERIOD: Final = 60.0
"""Seconds; ``--metacontroller.resync-period`` as it is by default."""
_AWAY: Final = (4.8 * 3600, 5.0 * 3600)
"""Seconds since the start between which metacontroller is away."""
_DISK_FAILS: Final = (5.0 * 3600, 5.6 * 3600)
"""Seconds since the start between which the ledger cannot be written."""


class CalledHooks:
    """Hooks that are told how often they were called, and what time it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is the cluster's."""
        self._begun = clock()
        record = cast("Record", None)  # they are never called
        settings = HookSettings(_RESYNC_PERIOD, finalize=True)
        self.hooks = Hooks(settings, record, Calls(_RESYNC_PERIOD, 0.0))
        self.hooks.last_request = self._begun

    def note(self, now: float, events: Iterable[WatchEvent], crawls: int) -> None:
        """Count the calls that ``events`` lead to, and the resyncs of ``crawls`` CrawlJobs."""
        since = now - self._begun
        if _AWAY[0] <= since < _AWAY[1]:
            return
        self.hooks.last_request = now - 3
        requests = self.hooks.requests
        for event in events:
            is_crawljob = event.after.resource is CRAWLJOBS
            if is_crawljob and event.type == "ADDED":
                requests["customize", "taken"] += 1
            if is_crawljob and event.type == "DELETED":
                self._finalize(since)
            else:
                requests["sync", "taken"] += 1
        requests["sync", "outdated"] += round(crawls * SCRAPE_INTERVAL / _RESYNC_PERIOD)
        if _SCANNED[0] <= since < _SCANNED[1]:
            requests["none", "refused"] += 2

    def _finalize(self, since: float) -> None:
        """Release one CrawlJob: its end is on disk when it is asked again, or never."""
        requests = self.hooks.requests
        requests["finalize", "taken"] += 1
        if _DISK_FAILS[0] <= since < _DISK_FAILS[1]:
            requests["finalize", "waiting"] += round(RELEASE_AFTER / ASK_AGAIN)
            self.hooks.unrecorded_releases["unwritten"] += 1
        else:
            requests["finalize", "waiting"] += 1
