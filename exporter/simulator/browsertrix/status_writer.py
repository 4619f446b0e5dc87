"""Writes the status of one CrawlJob, and orders the stale writes that tests want.

Seen with the real operator: a sync that started before the last write reached the watch writes
older values over it; the next one brings the newer ones again, or the last one stays.
"""

import copy
import random
from collections import deque
from typing import Any, Final

from exporter.simulator.apiserver.cluster import Cluster

_STALE_SHARE: Final = 0.1
"""Of the writes: after so many a stale one follows."""
_STALE_DEPTH: Final = 8
"""Writes that a stale one is behind at most."""
_STALE_FIELDS: Final = (
    "pagesFound",
    "pagesDone",
    "size",
    "sizeHuman",
    "sizePending",
    "filesAdded",
    "filesAddedSize",
    "crawlExecTime",
    "elapsedCrawlTime",
    "lastUpdatedTime",
    "lastActiveTime",
    "stopping",
    "stopReason",
    "lastCrawlPodExitCode",
)
"""State, end, evictions and restarts stay: were they stale too, no ground truth could say what a
recorder should count."""
_STALE_POD_FIELDS: Final = ("exitTime", "exitCode", "reason")


class StatusWriter:
    """The status of one CrawlJob; ``stale_writes`` lets it step back now and then."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        rng: random.Random,
        *,
        stale_writes: bool,
    ) -> None:
        self._cluster = cluster
        self._metadata = {"namespace": namespace, "name": name}
        self._rng = rng
        self._stale_writes = stale_writes
        self._written: deque[dict[str, Any]] = deque(maxlen=_STALE_DEPTH)

    def write(self, status: dict[str, Any], timestamp: float) -> None:
        """Write the status at ``timestamp`` (seconds since 1970). Raises ApiError (404)."""
        self._replace(status, timestamp)
        if self._stale_writes:
            if self._written and self._rng.random() < _STALE_SHARE:
                self._replace(stale_status(self._rng.choice(self._written), status), timestamp)
            self._written.append(copy.deepcopy(status))

    def _replace(self, status: dict[str, Any], timestamp: float) -> None:
        value = {"metadata": self._metadata, "status": status}
        self._cluster.replace(value, status=True, timestamp=timestamp)


def stale_status(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The status as it is now, with values from before written over it."""
    mixed = copy.deepcopy(now)
    _take_over(mixed, before, _STALE_FIELDS)
    for pod, info in mixed["podStatus"].items():
        _take_over(info, before["podStatus"].get(pod, {}), _STALE_POD_FIELDS)
    return mixed


def _take_over(target: dict[str, Any], source: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in source:
            target[name] = source[name]
        else:
            target.pop(name, None)
