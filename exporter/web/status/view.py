"""What the page and the API show, read from the watches' caches and the ledger at each request.

No copy is kept: everything is computed for the request, and only for what it asks for.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from exporter import __version__
from exporter.browsertrix import PolledSource
from exporter.cluster.followed import Followed
from exporter.crawls import Crawl, PauseLimit
from exporter.history.ledger import Ledger
from exporter.history.names import Names
from exporter.history.records import FinishedCrawl
from exporter.metrics import Pulse
from exporter.resources.crawljob import derived
from exporter.resources.identity import crawl_id, org_id
from exporter.runtime.time_slice import TimeSlice
from exporter.sources import CRAWLJOBS, SOURCES
from exporter.web.pages import Health
from exporter.web.status import representation
from exporter.web.status.pagination import paginate
from exporter.web.status.query import Query

MAX_FACETS: Final = 100
"""States, and organisations, with counts of their own: those with the most crawls."""
OPERATOR_SILENT: Final = 600.0
"""Seconds without a status of a crawl at work, as BrowsertrixOperatorSilent has it by default."""
BLIND: Final = 180.0
"""Seconds without a sync, after which the exporter is itself behind."""
_NO_NAMES: Final = Names()


class View:
    """Answers queries with plain values, ready for JSON; docs/status-page.md documents them.

    All the work of a request shares one ``time_slice``, so that no two slices follow each other
    without a break.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        watches: Sequence[Followed],
        crawls: Iterable[Crawl],
        ledger: Ledger,
        *,
        pause_limit: PauseLimit,
        health: Health,
        pulse: Callable[[], Mapping[str, Pulse]] = dict,
        polled: Sequence[PolledSource[Any]] = (),
        browsertrix: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``crawls`` gives those that are served, each time anew.

        ``pulse`` returns that of Browsertrix's operator by namespace. ``polled`` are the sources
        that Browsertrix itself is asked for, ``browsertrix`` is its address for people, to link to.
        """
        self.clock = clock
        self._watches = watches
        self._crawls = crawls
        self._ledger = ledger
        self._pause_limit = pause_limit
        self._health = health
        self._pulse = pulse
        self._polled = polled
        self._browsertrix = browsertrix
        self._names = ledger.names

    async def crawls(
        self, query: Query, time_slice: TimeSlice, *, clamp: bool = False
    ) -> dict[str, Any]:
        """Crawls whose CrawlJob exists, of the scopes that are synced.

        ``states`` counts what matches all but the state, ``orgs`` all but state and organisation.
        """
        now = self.clock()
        states: Counter[str] = Counter()
        orgs: Counter[str] = Counter()
        finds = self._finder(query)
        wanted = self._orgs(query)
        order = self._order(query.sort, now)

        def rank(crawl: Crawl) -> Any:
            job = crawl.job
            org = org_id(job)
            if not finds(job.metadata.name, org, job.spec.cid or "", job.metadata.namespace):
                return None
            if query.trouble and not representation.has_trouble(crawl):
                return None
            orgs[org] += 1
            if wanted and org not in wanted:
                return None
            state = derived.state(job)
            states[state] += 1
            return order(crawl) if not query.state or state == query.state else None

        result = await paginate(list(self._crawls), rank, query, time_slice, clamp=clamp)
        shown = []
        for crawl in result.items:
            before = self._ledger.paused_before(crawl.job)
            one = representation.crawl(crawl, now, self._pause_limit.seconds, before)
            shown.append(one | self._named(one["crawl"], one["org"], one["workflow"]))
            await time_slice.yield_if_due()
        most = dict(orgs.most_common(MAX_FACETS))
        called = {oid: self._names.of(oid) or _NO_NAMES for oid in most}
        return {
            **self._header(now, result.total, result.page, query),
            "states": dict(states.most_common(MAX_FACETS)),
            "orgs": most,
            "org_names": {oid: org.organisation for oid, org in called.items() if org.organisation},
            "crawls": shown,
        }

    async def finished(self, query: Query, time_slice: TimeSlice) -> dict[str, Any]:
        """Crawls that are over, the last one first: those within the ledger's retention."""
        now = self.clock()
        finds, orgs = self._finder(query), self._orgs(query)

        def rank(record: FinishedCrawl) -> float | None:
            wanted = (
                (not query.state or record.state == query.state)
                and (not orgs or record.oid in orgs)
                and finds(record.crawl, record.oid, record.cid, record.namespace)
            )
            return -record.finished if wanted else None

        # The last are at the end, more or less: so the runs are nearly sorted.
        records = list(self._ledger.finished_crawls.values())
        records.reverse()
        result = await paginate(records, rank, query, time_slice)
        shown = [
            representation.finished_crawl(one) | self._named(one.crawl, one.oid, one.cid)
            for one in result.items
        ]
        return {**self._header(now, result.total, result.page, query), "finished": shown}

    async def events(self, query: Query, time_slice: TimeSlice) -> dict[str, Any]:
        """Events, the last noticed first: the latest few thousand that the ledger has in memory."""
        now = self.clock()
        finds, orgs = self._finder(query), self._orgs(query)
        logged = list(reversed(self._ledger.recent_events))
        places = range(len(logged))

        def rank(place: int) -> int | None:
            one = logged[place]
            wanted = (
                (not query.kind or one.kind == query.kind)
                and (not orgs or one.oid in orgs)
                and finds(one.crawl, one.oid, self._ledger.cid_of(one.uid), one.namespace)
            )
            return place if wanted else None

        result = await paginate(places, rank, query, time_slice)
        shown = []
        for one in (logged[place] for place in result.items):
            cid = self._ledger.cid_of(one.uid)
            shown.append(
                representation.event(one)
                | {"workflow": cid or None}
                | self._named(one.crawl, one.oid, cid)
            )
        return {**self._header(now, result.total, result.page, query), "events": shown}

    def exporter(self) -> dict[str, Any]:
        """The exporter itself: its health, its watches and its history."""
        file = self._ledger.file_status
        on = {watch.source for watch in self._watches}
        return {
            "as_of": representation.timestamp(self.clock()),
            "version": __version__,
            "warning": self._warning(),
            "watches": [
                {
                    "source": watch.source,
                    "namespace": watch.scope or None,
                    "synced": watch.synced,
                    "up": watch.vouches,
                    "absent": watch.absent,
                    "last_error": watch.last_error,
                    "objects": len(watch.objects),
                    "last_sync": representation.timestamp(watch.stats.last_sync),
                    "last_event": representation.timestamp(watch.stats.last_event),
                    "unreadable_fields": watch.problems.kinds.total(),
                    "unusable_objects": watch.stats.invalid_objects,
                }
                for watch in self._watches
            ],
            "off": [source.name for source in SOURCES if source.name not in on],
            "browsertrix": [representation.polled_source(source) for source in self._polled],
            "operator": self._operator(),
            "history": {"on_disk": file.persistent, "last_error": file.last_error},
        }

    def _operator(self) -> list[dict[str, Any]]:
        """Browsertrix's operator, by namespace; an exporter that is behind says nothing of it."""
        now = self.clock()
        last_sync = {
            watch.scope: watch.stats.last_sync or 0.0
            for watch in self._watches
            if watch.source == CRAWLJOBS.name
        }
        found = []
        for namespace, pulse in sorted(self._pulse().items()):
            current = last_sync.get(namespace, last_sync.get("", 0.0))
            silent = now - pulse.seen > OPERATOR_SILENT and now - current < BLIND
            one = {"namespace": namespace, "last_status": representation.timestamp(pulse.written)}
            found.append(one | {"silent": silent})
        return found

    def _orgs(self, query: Query) -> frozenset[str]:
        """The ids of the organisations that are asked for, by id, name or slug; empty for all."""
        return self._names.orgs_called(query.org) if query.org else frozenset()

    def _finder(self, query: Query) -> Callable[[str, str, str, str], bool]:
        """Whether a crawl, of this id, organisation, workflow and namespace, is searched for."""
        matches = query.matcher()

        def finds(crawl: str, oid: str, cid: str, namespace: str) -> bool:
            if query.namespace and namespace != query.namespace:
                return False
            if matches is None:
                return True
            names = self._names.of(oid, cid) or _NO_NAMES
            called = names.organisation, names.slug, names.workflow
            return matches(crawl, oid, cid, namespace, *called)

        return finds

    def _named(self, crawl: str, oid: str, cid: str | None) -> dict[str, Any]:
        return representation.names(crawl, self._names.of(oid, cid or ""), self._browsertrix)

    def _warning(self) -> str | None:
        return self._health.alive() or self._health.ready()

    def _header(self, now: float, total: int, page: int, query: Query) -> dict[str, Any]:
        more = page * query.per_page < total
        return {
            "as_of": representation.timestamp(now),
            "warning": self._warning(),
            "total": total,
            "page": page,
            "per_page": query.per_page,
            "next": query.link(page=page + 1) if more else None,
        }

    def _order(self, sort: str, now: float) -> Callable[[Crawl], Any]:
        """The sort key of a crawl; unknown values come last."""
        limit = self._pause_limit.seconds
        orders: dict[str, Callable[[Crawl], Any]] = {
            "newest": lambda crawl: -(crawl.job.metadata.creation_timestamp or 0.0),
            "oldest": lambda crawl: _or_last(crawl.job.metadata.creation_timestamp),
            "limits": lambda crawl: -representation.limit_ratio(crawl.job, now, limit),
            "pause": lambda crawl: _or_last(derived.paused_since(crawl.job)),
            "size": lambda crawl: -(crawl.job.status.size or 0),
            "pages": lambda crawl: -(crawl.job.status.pages_done or 0),
            "crawl": lambda crawl: crawl_id(crawl.job),
        }
        return orders[sort]


def _or_last(timestamp: float | None) -> float:
    return float("inf") if timestamp is None else timestamp
