"""What 1,000 organisations and 20,000 workflows of Browsertrix's API cost: memory, polls, scrapes.

``python -m benchmarks.organisations`` prints a line for each; the limit is 40 MiB.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from exporter.metrics import BrowsertrixTables, catalog
from exporter.resources.browsertrix import Organisation, OrganisationCounts, Workflow
from exporter.runtime.garbage_collection import keep_collections_short

ORGANISATIONS: Final = 1_000
WORKFLOWS: Final = 20_000
LIMIT: Final = 40 * 1024**2
NOW: Final = datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp()


def organisation(number: int) -> dict[str, Any]:
    months = {f"{year}-{month:02}": 9_000 for year in range(2022, 2026) for month in range(1, 13)}
    months["2026-06"] = 3_600 + number
    return {
        "id": str(UUID(int=number)),
        "slug": f"organisation-{number}",
        "name": f"Organisation number {number}",
        "bytesStored": 10**11 + number,
        "bytesStoredCrawls": 10**11,
        "bytesStoredUploads": number,
        "bytesStoredProfiles": 0,
        "quotas": {"storageQuota": 10**12, "maxExecMinutesPerMonth": 6_000},
        "crawlExecSeconds": months,
        "monthlyExecSeconds": months,
        "lastCrawlFinished": "2026-06-14T08:00:00Z",
    }


def workflow(number: int) -> dict[str, Any]:
    return {
        "id": str(UUID(int=10**6 + number)),
        "oid": str(UUID(int=number % ORGANISATIONS)),
        "name": f"Workflow number {number}",
        "firstSeed": f"https://example-{number}.org/some/page.html",
        "schedule": f"{number % 60} {number % 24} * * {number % 7}" if number % 4 == 0 else "",
        "modified": "2025-01-01T00:00:00Z",
        "isCrawlRunning": False,
        "lastCrawlStartTime": f"2026-0{1 + number % 6}-14T08:00:00Z",
        "lastCrawlTime": f"2026-0{1 + number % 6}-14T09:30:{number % 60:02}Z",
        "lastCrawlState": "complete",
        "lastCrawlSize": 10**9 + number,
        "lastCrawlStats": {"found": 1000 + number, "done": 900 + number},
        "crawlCount": 50,
        "crawlSuccessfulCount": 49,
    }


class Loop:
    """Calls what is scheduled, and measures how long each call took."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []
        self.longest = self.total = 0.0

    def run(self, work: Callable[[], Any]) -> "Loop":
        self.longest = self.total = 0.0
        self.due.append(work)
        while self.due:
            took = milliseconds(self.due.pop(0))
            self.total += took
            self.longest = max(self.longest, took)
        return self

    def __str__(self) -> str:
        return f"{self.total:.1f} ms, at most {self.longest:.1f} ms at a time"


def milliseconds(work: Callable[[], Any]) -> float:
    """Of CPU: others on the machine do not count."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def read_all() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    orgs = [Organisation.parse(organisation(number))[0] for number in range(ORGANISATIONS)]
    counts = [
        OrganisationCounts.parse({"id": org.id, "crawlCount": 9, "uploadCount": 1, "pageCount": 5})
        for org in orgs
    ]
    workflows = [Workflow.parse(workflow(number))[0] for number in range(WORKFLOWS)]
    return (
        {one.id: one for one in orgs},
        {one.id: one for one, _ in counts},
        {one.id: one for one in workflows},
    )


def main() -> None:
    read_all()  # what is made once, whatever comes
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    loop = Loop()
    tables = BrowsertrixTables(catalog(), [""], schedule=loop.due.append)
    tables.crawls.on_synced("", "1")
    by_source = tables.by_source
    items = dict(zip(("orgs", "org_counts", "workflows"), read_all(), strict=True))
    for source, found in items.items():
        loop.run(partial(by_source[source].on_polled, found, NOW))
    size = sum(
        len(line)
        for table in by_source.values()
        for lines in table.lines(NOW).values()
        for line in lines
    )
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"memory: {used / 1024**2:.1f} MiB of at most {LIMIT / 1024**2:.0f}")
    print(f"scrape: {size / 1024**2:.1f} MiB more")
    keep_collections_short()
    again = dict(zip(items, read_all(), strict=True))
    gc.freeze()
    for source, found in again.items():
        print(f"poll of {source}: {loop.run(partial(by_source[source].on_polled, found, NOW))}")
    for what, now in (("", NOW), (" again", NOW), (" a day later", NOW + 86_400)):
        took = milliseconds(lambda: [one.lines(now) for one in by_source.values()])  # noqa: B023
        print(f"lines of a scrape{what}: {took:.1f} ms")
    if used > LIMIT:
        raise SystemExit("more memory than promised")


if __name__ == "__main__":
    main()
