"""From changes of each source's objects to changes of whole crawls."""

from exporter.cluster.changes import Change, ChangeHandler
from exporter.crawls.crawl import Crawl
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import Key, key_of


class CrawlJoin:
    """Handles the changes of CrawlJobs; hands changes of crawls to its handlers, in their order."""

    def __init__(self, *handlers: ChangeHandler[Crawl]) -> None:
        self._handlers = handlers
        self._crawls: dict[Key, Crawl] = {}

    def on_change(self, change: Change[CrawlJob], /) -> None:
        """One CrawlJob became known, changed, or was deleted."""
        job = change.before if change.after is None else change.after
        if job is None:
            return
        key = key_of(job)
        before = self._crawls.pop(key, None)
        after = None if change.after is None else Crawl(change.after)
        if after is not None and not change.deleted:
            self._crawls[key] = after
        whole = Change(change.scope, before, after, change.deleted)
        for handler in self._handlers:
            handler.on_change(whole)

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope's content is complete."""
        for handler in self._handlers:
            handler.on_synced(scope, resource_version)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """The watch has come this far."""
        for handler in self._handlers:
            handler.on_bookmark(scope, resource_version)
