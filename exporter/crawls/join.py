"""From changes of each source's objects to changes of whole crawls.

A change of a CrawlJob is handed on at once: what it shows must be on disk before its watch goes on.
Changes of anything else are gathered for one turn of the event loop, so that ten pods of a crawl
that change in one list are one change of the crawl. But no state of an object is left out: a pod
that is evicted and deleted in one turn was evicted.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from exporter.cluster.changes import Change, ChangeHandler, PartHandler
from exporter.crawls.crawl import Crawl
from exporter.crawls.part import CrawlKey, Part
from exporter.resources.claim import Claim
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import Key, crawl_id, key_of
from exporter.resources.pod import Pod
from exporter.resources.podmetrics import PodMetrics
from exporter.runtime.time_slice import TimeSlice
from exporter.sources import CRAWLJOBS, PODS, USAGE, VOLUMES

_BATCH: Final = 64
"""Crawls that are taken from the queue at a time."""

Schedule = Callable[[Callable[[], None]], object]


def _next_turn(callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(callback)


class CrawlJoin:
    """Handles the changes of all sources; hands changes of crawls to its handlers, in their order.

    Each change's ``before`` is the very crawl that was handed over last.
    """

    def __init__(self, *handlers: ChangeHandler[Crawl], schedule: Schedule = _next_turn) -> None:
        """``schedule`` has a callback called once, soon, on the event loop."""
        notes = (self._part_changed, self._before_part_change)
        self._pods = Part[Pod](lambda pod: pod.metadata.labels.crawl, *notes)
        self._usage = Part[PodMetrics](lambda one: one.metadata.labels.crawl, *notes)
        self._volumes = Part[Claim](lambda claim: claim.metadata.labels.crawl, *notes)
        self.by_source: Mapping[str, PartHandler[Any]] = {
            CRAWLJOBS.name: self,
            PODS.name: self._pods,
            USAGE.name: self._usage,
            VOLUMES.name: self._volumes,
        }
        """What handles the changes of each source's objects, by the source's name."""
        self._handlers = handlers
        self._schedule = schedule
        self._crawls: dict[str, dict[Key, Crawl]] = {}
        """By scope: each has its own list, and is complete at a time of its own."""
        self._named: dict[CrawlKey, dict[Key, str]] = {}
        """The CrawlJobs of each crawl with their scopes: there is one, as a rule."""
        self._synced: set[str] = set()
        self._due: dict[CrawlKey, set[str]] = {}
        """Crawls of which something beside the CrawlJob has changed, in that order, and what."""
        self._is_scheduled = False

    def __iter__(self) -> Iterator[Crawl]:
        """All crawls of the scopes that are synced."""
        for scope, crawls in self._crawls.items():
            if scope in self._synced:
                yield from crawls.values()

    def has_crawl_of(self, item: PodMetrics) -> bool:
        """Whether it is of a crawl that is known: nothing else says whose pod's it is."""
        crawl = item.metadata.labels.crawl
        return crawl is not None and (item.metadata.namespace, crawl) in self._named

    def on_change(self, change: Change[CrawlJob], /) -> None:
        """One CrawlJob became known, changed, or was deleted."""
        job = change.before if change.after is None else change.after
        if job is None:
            return
        key = key_of(job)
        crawl_key = key[0], crawl_id(job)
        crawls = self._crawls.setdefault(change.scope, {})
        before = crawls.get(key)
        after = None if change.after is None else self._whole(change.after, change.scope, crawl_key)
        named = self._named.setdefault(crawl_key, {})
        if after is None or change.deleted:
            crawls.pop(key, None)
            named.pop(key, None)
            if not named:
                del self._named[crawl_key]
        else:
            crawls[key] = after
            named[key] = change.scope
        self._emit(Change(change.scope, before, after, change.deleted))

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope's CrawlJobs are complete, and so are its crawls."""
        self._synced.add(scope)
        for handler in self._handlers:
            handler.on_synced(scope, resource_version)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """The watch of the scope's CrawlJobs has come this far."""
        for handler in self._handlers:
            handler.on_bookmark(scope, resource_version)

    def on_unknown(self, scope: str) -> None:
        """Nothing to do: crawls last known stay, and their staleness is served."""

    def _whole(self, job: CrawlJob, scope: str, key: CrawlKey) -> Crawl:
        return Crawl(
            job,
            pods=self._pods.of(scope, key),
            usage=self._usage.of(scope, key),
            volumes=self._volumes.of(scope, key),
        )

    def _emit(self, change: Change[Crawl]) -> None:
        for handler in self._handlers:
            handler.on_change(change)

    def _before_part_change(self, key: CrawlKey, identity: str) -> None:
        """Where the same object has changed in this turn already, hand that on first."""
        if key not in self._named:
            return
        if identity in self._due.get(key, ()):
            self._emit_now(key)
        self._due.setdefault(key, set()).add(identity)

    def _part_changed(self, scope: str, key: CrawlKey | None) -> None:
        """Have one crawl, or where ``key`` is None all of the scope, handed on in a moment."""
        if key is None:
            for crawl in self._crawls.get(scope, {}).values():
                name = crawl.job.metadata.namespace, crawl_id(crawl.job)
                self._due.setdefault(name, set())
        elif key in self._named:
            self._due.setdefault(key, set())
        if self._due and not self._is_scheduled:
            self._is_scheduled = True
            self._schedule(self._emit_due)

    def _emit_due(self) -> None:
        """Hand on what is due, a slice of the loop's time at once."""
        self._is_scheduled = False
        time_slice = TimeSlice()
        while self._due:
            # In batches: the first key of a dict is the slower to find, the more were removed.
            for key in tuple(islice(self._due, _BATCH)):
                self._emit_now(key)
                if self._due and time_slice.is_due():
                    self._is_scheduled = True
                    self._schedule(self._emit_due)
                    return

    def _emit_now(self, key: CrawlKey) -> None:
        """Hand on what is known of a crawl, if it is anything new."""
        self._due.pop(key, None)
        for name, scope in self._named.get(key, {}).items():
            before = self._crawls[scope][name]
            after = self._whole(before.job, scope, key)
            if not after.is_same(before):
                self._crawls[scope][name] = after
                self._emit(Change(scope, before, after))
