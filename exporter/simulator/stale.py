"""The status that steps back.

Seen with the real operator: a sync that started before the last write reached the watch writes
older values over it; the next one brings the newer ones again, or the last one stays.
"""

import copy
from typing import Any, Final

_STEPS_BACK: Final = (
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
"""State, end, evictions and restarts stay: were they to step back, nobody could say what an
recorder should count."""
_EXIT_FACTS: Final = ("exitTime", "exitCode", "reason")


def stale(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The status as it is now, with values from before written over it."""
    mixed = copy.deepcopy(now)
    _take_over(mixed, before, _STEPS_BACK)
    for pod, info in mixed["podStatus"].items():
        _take_over(info, before["podStatus"].get(pod, {}), _EXIT_FACTS)
    return mixed


def _take_over(target: dict[str, Any], source: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in source:
            target[name] = source[name]
        else:
            target.pop(name, None)
