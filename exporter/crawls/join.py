"""From changes of each source's objects to changes of whole crawls."""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter.cluster.changes import Change, ChangeHandler
from exporter.crawls.crawl import Crawl
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import Key, key_of
from exporter.sources import CRAWLJOBS


class CrawlJoin:
    """Handles the changes of CrawlJobs; hands changes of crawls to its handlers, in their order.

    Each change's ``before`` is the very crawl that was handed over last.
    """

    def __init__(self, *handlers: ChangeHandler[Crawl]) -> None:
        self.by_source: Mapping[str, ChangeHandler[Any]] = {CRAWLJOBS.name: self}
        """What handles the changes of each source's objects, by the source's name."""
        self._handlers = handlers
        self._crawls: dict[str, dict[Key, Crawl]] = {}
        """By scope: each has its own list, and is complete at a time of its own."""
        self._synced: set[str] = set()

    def __iter__(self) -> Iterator[Crawl]:
        """All crawls of the scopes that are synced."""
        for scope, crawls in self._crawls.items():
            if scope in self._synced:
                yield from crawls.values()

    def on_change(self, change: Change[CrawlJob], /) -> None:
        """One CrawlJob became known, changed, or was deleted."""
        job = change.before if change.after is None else change.after
        if job is None:
            return
        key = key_of(job)
        crawls = self._crawls.setdefault(change.scope, {})
        before = crawls.get(key)
        after = None if change.after is None else Crawl(change.after)
        if after is None or change.deleted:
            crawls.pop(key, None)
        else:
            crawls[key] = after
        whole = Change(change.scope, before, after, change.deleted)
        for handler in self._handlers:
            handler.on_change(whole)

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope's CrawlJobs are complete, and so are its crawls."""
        self._synced.add(scope)
        for handler in self._handlers:
            handler.on_synced(scope, resource_version)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """The watch of the scope's CrawlJobs has come this far."""
        for handler in self._handlers:
            handler.on_bookmark(scope, resource_version)
