"""The figures of a crawl, which grow while its pods run: pages, bytes, files, time, pod usage."""

import random
from typing import Any, Final

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix.crawljob_manifest import Traits

_EXEC_TIME_EVERY: Final = 60.0
"""Simulated seconds (``EXEC_TIME_UPDATE_SECS`` of Browsertrix)."""
_ROLLOVER: Final = 100_000_000
"""Bytes that are collected before they are uploaded."""
_PODS_RUN: Final = frozenset(
    {"running", "rate-limited", "generate-wacz", "uploading-wacz", "pending-wait"}
)
_USUAL_MEMORY: Final = 0.4


class Progress:
    """The figures of one crawl; all methods write into its status. Seconds are simulated."""

    def __init__(self, traits: Traits, rng: random.Random, *, measured: bool) -> None:
        """``measured``: whether Browsertrix reads memory and CPU in use (auto-resize is on)."""
        self._traits = traits
        self._rng = rng
        self._measured = measured
        self._crawled = 0.0
        self._pod_seconds = 0.0
        self._elapsed = 0.0
        self.memory_ratio: dict[str, float] = {}
        """Memory in use by a pod as a share of what it is allocated, where it is unusual."""
        self.uploads = True
        """Whether what was crawled can be uploaded; else it stays on the pods' volumes."""

    def advance(
        self, status: dict[str, Any], running: list[str], passed: float, timestamp: float
    ) -> None:
        """Let ``passed`` seconds go by until ``timestamp`` (real, since 1970)."""
        if not running or status["state"] not in _PODS_RUN:
            return
        status["lastActiveTime"] = stamp(timestamp)
        self._pod_seconds += passed * len(running)
        self._elapsed += passed
        if self._elapsed >= _EXEC_TIME_EVERY:
            self.count_time(status, timestamp)
        if status["state"] == "running":
            self._crawl(status, running, passed)
        for pod in running:
            self._use(status["podStatus"][pod], self.memory_ratio.get(pod))

    def count_time(self, status: dict[str, Any], timestamp: float) -> None:
        """Add the time that was not yet counted, as Browsertrix does now and then."""
        if self._elapsed >= 1:
            status["crawlExecTime"] += int(self._pod_seconds)
            status["elapsedCrawlTime"] += int(self._elapsed)
            status["lastUpdatedTime"] = stamp(timestamp)
            self._pod_seconds %= 1
            self._elapsed %= 1

    def upload(self, status: dict[str, Any]) -> None:
        """Upload what is pending."""
        if status["sizePending"]:
            status["filesAdded"] += 1
            status["filesAddedSize"] += status["sizePending"]
            status["sizePending"] = 0
        for pod, info in status["podStatus"].items():
            if pod.startswith("crawl-"):
                info["sizePending"] = info["used"]["storage"] = 0

    def _crawl(self, status: dict[str, Any], running: list[str], passed: float) -> None:
        traits = self._traits
        self._crawled += passed * len(running) / traits.pods
        progress = min(1.0, round(self._crawled / traits.work, 6))
        status["pagesDone"] = int(traits.pages * progress)
        status["pagesFound"] = int(traits.pages * min(1.0, 0.2 + 1.5 * progress))
        size = status["pagesDone"] * traits.page_size
        status["size"] = size
        status["sizeHuman"] = _human(size)
        status["sizePending"] = pending = size - status["filesAddedSize"]
        if pending >= _ROLLOVER and self.uploads:
            self.upload(status)
            return
        for pod in running:
            info = status["podStatus"][pod]
            info["sizePending"] = info["used"]["storage"] = pending // len(running)

    def _use(self, info: dict[str, Any], memory_ratio: float | None) -> None:
        if not self._measured:
            return
        usual = _USUAL_MEMORY + self._rng.uniform(-0.05, 0.05)
        share = usual if memory_ratio is None else memory_ratio
        info["used"]["memory"] = int(info["allocated"]["memory"] * share)
        info["used"]["cpu"] = round(info["allocated"]["cpu"] * self._rng.uniform(0.2, 0.9), 3)


def _human(size: int) -> str:
    """``1.5 GB``, in powers of 1000."""
    value = float(size)
    for unit in ("Bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{size} Bytes" if unit == "Bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
