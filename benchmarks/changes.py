"""What one change costs: from the line of a watch to the series that the next scrape gets.

Each CrawlJob changes as Browsertrix changes it about every ten seconds: times, pages and sizes
move on, and the usage of every pod.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from exporter.app import Pipeline
from exporter.cluster.changes import ChangeHandler
from exporter.cluster.object_cache import ObjectCache
from exporter.cluster.problems import Problems
from exporter.cluster.wire import WatchEvent, WireDecoder
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.metrics import SeriesStore, catalog
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.runtime.garbage_collection import keep_collections_short
from exporter.settings import Settings
from exporter.simulator.browsertrix.fleet import fleet

_CRAWLS: Final = 1000
_ROUNDS: Final = 7


def cost_of_a_change() -> float:
    """CPU seconds for one change, over a thousand CrawlJobs, as it is served."""
    return _cost(CrawlJoin(SeriesStore(catalog())), lambda: None)


def cost_with_the_ledger() -> float:
    """CPU seconds for one change that is remembered on disk, too, in batches as when running."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder, "history.db"))
        pipeline = Pipeline(Settings(), ledger)
        pipeline.crawls.on_synced("crawlers", "0")
        try:
            return _cost(pipeline.crawls, lambda: _flushed(ledger))
        finally:
            ledger.close()


def _flushed(ledger: Ledger) -> None:
    assert ledger.flush(), ledger.file_status.last_error


def _cost(handler: ChangeHandler[CrawlJob], end_of_batch: Callable[[], None]) -> float:
    """Take the lowest of several rounds: others on the machine can only add to it."""
    keep_collections_short()  # as the exporter does
    cache = ObjectCache("crawlers", handler, Problems(CRAWLJOB_RESOURCE))
    decoder = WireDecoder(CRAWLJOB_RESOURCE)
    objects = list(fleet(_CRAWLS))
    version = 0
    rounds = []
    for step in range(_ROUNDS + 1):
        lines = []
        for value in objects:
            version += 1
            lines.append(_event(value, version, step))
        started = time.process_time()
        for line in lines:
            event = decoder.read_event(line)
            assert isinstance(event, WatchEvent)
            cache.upsert(event.object)
        end_of_batch()
        if step:  # the first is when they are seen for the first time
            rounds.append((time.process_time() - started) / len(lines))
    return min(rounds)


def _event(value: dict[str, Any], version: int, step: int) -> bytes:
    value["metadata"]["resourceVersion"] = str(version)
    status = value["status"]
    for field in ("pagesFound", "pagesDone", "crawlExecTime", "elapsedCrawlTime"):
        status[field] = status.get(field, 0) + 7 + step
    for field in ("size", "sizePending"):
        status[field] = status.get(field, 0) + 1_234_567
    for field in ("lastUpdatedTime", "lastActiveTime"):
        status[field] = f"2026-01-01T00:{step % 60:02d}:00Z"
    for pod in status["podStatus"].values():
        used = pod["used"]
        used["memory"] += 4_194_304 + version
        used["cpu"] = round(0.25 + (version % 997) / 1000, 3)
        used["storage"] = used.get("storage", 0) + 1_000_003
        pod["sizePending"] = pod.get("sizePending", 0) + 1_000_003
    event = {"type": "MODIFIED", "object": value}
    return json.dumps(event, separators=(",", ":")).encode()


if __name__ == "__main__":
    print(f"{cost_of_a_change() * 1e6:.0f} µs, {cost_with_the_ledger() * 1e6:.0f} with the ledger")
