"""A handler that remembers, and a way to wait for what must come."""

import asyncio
from collections.abc import Callable

from exporter.cluster.changes import Change
from exporter.resources.crawljob import CrawlJob

CONNECT_TIMEOUT = 10.0
"""Seconds until a test gives up; nothing that works takes nearly as long."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; TimeoutError says that it did not come."""
    async with asyncio.timeout(CONNECT_TIMEOUT):
        while not condition():
            await asyncio.sleep(0.002)


class Recorder:
    """What a reflector told, and what is known from that alone."""

    def __init__(self) -> None:
        self.changes: list[Change[CrawlJob]] = []
        self.syncs: list[str] = []
        self.bookmarks: list[str] = []
        self.objects: dict[tuple[str, str], CrawlJob] = {}
        self.sizes_at_sync: list[int] = []

    def on_change(self, change: Change[CrawlJob]) -> None:
        self.changes.append(change)
        job = change.after or change.before
        assert job is not None
        key = job.metadata.namespace, job.metadata.name
        if change.before is not None:  # no change is told twice, and none is left out
            known = self.objects.get(key)
            assert known is None or known is change.before
        if change.deleted:
            self.objects.pop(key, None)
        else:
            assert change.after is not None
            self.objects[key] = change.after

    def on_synced(self, scope: str, resource_version: str) -> None:
        assert isinstance(scope, str)
        self.syncs.append(resource_version)
        self.sizes_at_sync.append(len(self.objects))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        assert isinstance(scope, str)
        self.bookmarks.append(resource_version)

    @property
    def names(self) -> list[str]:
        """Names held now, without the prefix all have."""
        return sorted(name.removeprefix("crawljob-") for _, name in self.objects)

    def state(self, crawl: str, namespace: str = "crawlers") -> str | None:
        job = self.objects.get((namespace, f"crawljob-{crawl}"))
        return job.status.state if job else None

    @property
    def deleted(self) -> list[tuple[str, bool]]:
        """Names that went, each with whether its last words were heard."""
        return [
            (job.metadata.name.removeprefix("crawljob-"), change.after is not None)
            for change in self.changes
            if change.deleted and (job := change.after or change.before)
        ]
