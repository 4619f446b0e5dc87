"""A handler that remembers what a reflector emitted."""

from typing import Generic, TypeVar

from exporter.cluster.changes import Change
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import Key, KubernetesObject, key_of

T = TypeVar("T", bound=KubernetesObject)


class ChangeRecorder(Generic[T]):
    """What a reflector emitted, and what is known from that alone."""

    def __init__(self) -> None:
        self.changes: list[Change[T]] = []
        self.syncs: list[str] = []
        self.bookmarks: list[str] = []
        self.objects: dict[Key, T] = {}
        self.sizes_at_sync: list[int] = []

    def on_change(self, change: Change[T]) -> None:
        self.changes.append(change)
        item = change.after or change.before
        assert item is not None
        key = key_of(item)
        if change.before is not None:  # no change is emitted twice, and none is left out
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
        """Names held now, without the prefix that all CrawlJobs have."""
        return sorted(name.removeprefix("crawljob-") for _, name in self.objects)

    @property
    def deleted(self) -> list[tuple[str, bool]]:
        """Names that were deleted, each with whether its final state was seen."""
        return [
            (item.metadata.name.removeprefix("crawljob-"), change.after is not None)
            for change in self.changes
            if change.deleted and (item := change.after or change.before)
        ]


class Recorder(ChangeRecorder[CrawlJob]):
    """Of CrawlJobs."""

    def state(self, crawl: str, namespace: str = "crawlers") -> str | None:
        job = self.objects.get((namespace, f"crawljob-{crawl}"))
        return job.status.state if job else None


class PolledRecorder(ChangeRecorder[T]):
    """Of a source that is polled."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: list[str] = []

    def on_unknown(self, scope: str) -> None:
        self.unknown.append(scope)
        self.objects.clear()
