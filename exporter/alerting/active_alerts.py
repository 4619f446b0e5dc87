"""Which events are told now: those within their window, taken from what the ledger says.

Nothing of it is stored. What is open follows from the ledger's finished crawls and its log of
events, so a restarted exporter has the same alerts open as the one before it, and those of what
on_events in between. Each is open no longer than its rule fires (see ``events``): that decides here
wherever both ways would differ.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from exporter.alerting.event_alerts import (
    ENDS,
    EVICTED,
    LONGEST_WINDOW,
    OOM_KILLED,
    OUT_OF_SPACE,
    EventAlert,
)
from exporter.history.baseline import Baseline
from exporter.history.errors import DatabaseError
from exporter.history.events import (
    CrawlEvent,
    OomKilled,
    PodEvicted,
    PodExited,
    StateEntered,
    restored,
)
from exporter.history.ledger import Ledger
from exporter.history.listener import LedgerListener
from exporter.history.records import FinishedCrawl, LoggedEvent

logger = logging.getLogger(__name__)

_OUT_OF_SPACE_CODE: Final = 3

Key = tuple[str, tuple[str, ...]]
"""The event's name and the values of its labels: to Alertmanager, one alert."""


@dataclass(slots=True)
class ActiveAlert:
    """One event that is told. Moments in seconds since 1970."""

    event: EventAlert
    values: tuple[str, ...]
    """Of the event's labels."""
    uid: str
    """Of the CrawlJob."""
    starts: float
    ends: float


class ActiveAlerts(LedgerListener):
    """Listens to the ledger; ``listeners`` hear of each alert that opens or changes."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        """Open what the ledger already knows and is still to be told."""
        self.listeners: list[Callable[[Key], None]] = []
        self._alerts: dict[Key, ActiveAlert] = {}
        self.clock = clock
        for record in ledger.finished_crawls.values():
            self.on_finished(record)
        self._load(ledger)
        ledger.listeners.append(self)

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._alerts)

    def get(self, key: Key) -> ActiveAlert | None:
        """The alert, if it is open still."""
        alert = self._alerts.get(key)
        return alert if alert is not None and alert.ends > self.clock() else None

    def expire(self) -> None:
        """Drop what is over; call it now and then."""
        now = self.clock()
        for key, alert in list(self._alerts.items()):
            if alert.ends <= now:
                del self._alerts[key]

    # -- what the ledger tells

    def on_finished(self, record: FinishedCrawl) -> None:
        """Tell of the end, if it is one to be told of."""
        for event in ENDS:
            if event.matches(record):
                self._open(event, _who(record), record.uid, record.finished)

    def on_forgotten(self, record: FinishedCrawl) -> None:
        """Tell no more of an end that was none, or that is forgotten for its age.

        Nothing is sent that ends it: the rule, which saw it too, goes on for its window.
        """
        for event in ENDS:
            key = event.name, _who(record)
            known = self._alerts.get(key)
            if known is not None and known.uid == record.uid and event.matches(record):
                del self._alerts[key]

    def on_events(self, baseline: Baseline, events: Sequence[CrawlEvent]) -> None:
        """Tell of what happened to pods."""
        self._of_pods(_who(baseline), baseline.uid, events)

    def _of_pods(self, who: tuple[str, str, str], uid: str, events: Sequence[CrawlEvent]) -> None:
        """Open what one change showed of a crawl's pods.

        Of a crawl seen for the first time, nobody knows when a pod was evicted: Browsertrix never
        prunes what it says of pods that are gone. And an exit for want of memory may just as well
        be that of an eviction which is over. Redis has no time of its exits.
        """
        first_seen = any(isinstance(one, StateEntered) and not one.previous for one in events)
        for event in events:
            match event:
                case PodEvicted(at, pod, _) if not first_seen:
                    self._open(EVICTED, (*who, pod), uid, at)
                case OomKilled(at, pod, role) if role != "redis" and not first_seen:
                    self._open(OOM_KILLED, (*who, pod), uid, at)
                case PodExited(at, pod, role, _, code) if (
                    code == _OUT_OF_SPACE_CODE and role != "redis"
                ):
                    self._open(OUT_OF_SPACE, (*who, pod), uid, at)

    def _open(self, event: EventAlert, values: tuple[str, ...], uid: str, at: float) -> None:
        now = self.clock()
        starts = min(at, now)  # clocks differ, and Alertmanager's may be behind Browsertrix's
        ends = starts + event.window
        key = event.name, values
        known = self._alerts.get(key)
        if known is not None:
            # An end that is better known has its moment put right. Anything else is another
            # event of the same crawl's name or pod: one alert, which lasts as long as the later.
            if known.uid != uid or event not in ENDS:
                starts, ends = min(starts, known.starts), max(ends, known.ends)
            if (starts, ends) == (known.starts, known.ends):
                return
        if ends <= now:
            self._alerts.pop(key, None)
            return
        self._alerts[key] = ActiveAlert(event, values, uid, starts, ends)
        for listener in self.listeners:
            listener(key)

    # -- what was told before the start

    def _load(self, ledger: Ledger) -> None:
        """Take what happened to pods from the ledger's log."""
        try:
            logged = ledger.logged_events(since=self.clock() - LONGEST_WINDOW)
        except DatabaseError as error:
            logger.warning("what happened to pods before the start is not told again: %s", error)
            return
        for _, change in groupby(logged, key=lambda one: (one.noticed, one.uid)):
            entries = list(change)
            events = [one for one in map(restored, entries) if one is not None]
            self._of_pods(_who(entries[0]), entries[0].uid, events)


def _who(crawl: FinishedCrawl | Baseline | LoggedEvent) -> tuple[str, str, str]:
    """The values of the labels that every event has."""
    return crawl.namespace, crawl.oid, crawl.crawl
