"""Which event alerts are active now: those within their window, derived from the ledger.

Nothing of it is stored. The ledger's finished crawls and its log of events say what is active, so a
restarted exporter has the same active alerts as the one before it, and those of the events that it
catches up with. An alert is active no longer than its rule fires (see ``event_alerts``): that
decides here wherever the two would differ.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from exporter.alerting.event_alerts import (
    END_ALERTS,
    EVICTED,
    LONGEST_WINDOW,
    OOM_KILLED,
    OUT_OF_SPACE,
    EventAlert,
)
from exporter.alerting.template import UNNAMED
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
_MOST_AHEAD: Final = 2 * 86_400.0
"""Seconds that an event may be ahead of our clock, which may have been set back, and be believed.
Beyond that its timestamp is wrong, and would keep the alert active for ever."""

Key = tuple[str, tuple[str, ...]]
"""The alert's name and the values of its labels: to Alertmanager, one alert."""


@dataclass(slots=True)
class ActiveAlert:
    """One event alert of one crawl or pod. Timestamps in seconds since 1970."""

    definition: EventAlert
    label_values: tuple[str, ...]
    """Of the labels that the definition names, in their order."""
    uid: str
    """Of the CrawlJob."""
    starts_at: float
    ends_at: float
    exhausted: frozenset[str] = frozenset()
    """What ran out where a pod was evicted, if that is known."""

    @property
    def of_what(self) -> dict[str, str]:
        """The labels that say which crawl, pod or organisation, by name."""
        return dict(zip(self.definition.labels, self.label_values, strict=True))


class ActiveAlerts(LedgerListener):
    """Listens to the ledger; calls ``listeners`` with the key of each alert that is new or changed.

    An alert that is over needs no call: its ``endsAt`` was sent with it.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], float] = time.time,
        *,
        without: Collection[str] = (),
    ) -> None:
        """Activate what the ledger already has within its window, but for alerts left out."""
        self._without = frozenset(without)
        self.listeners: list[Callable[[Key], None]] = []
        self._alerts: dict[Key, ActiveAlert] = {}
        self.clock = clock
        for record in ledger.finished_crawls.values():
            self.on_finished(record)
        self._restore_pod_alerts(ledger)
        ledger.listeners.append(self)

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._alerts)

    def get(self, key: Key) -> ActiveAlert | None:
        """The alert, if it is still active."""
        alert = self._alerts.get(key)
        return alert if alert is not None and alert.ends_at > self.clock() else None

    def expire(self) -> None:
        """Free the alerts that are over; ``get`` no longer gives them in any case."""
        now = self.clock()
        for key, alert in list(self._alerts.items()):
            if alert.ends_at <= now:
                del self._alerts[key]

    # -- the ledger's listener

    def on_finished(self, record: FinishedCrawl) -> None:
        """Activate the alerts that match this end; a corrected end replaces its own."""
        for definition in END_ALERTS:
            if definition.matches(record):
                labels, since = _labels_of(definition, record), definition.since(record)
                self._activate(definition, labels, record.uid, since)

    def on_forgotten(self, record: FinishedCrawl) -> None:
        """Send the alerts of this end no more: it was none, or is past its retention.

        Nothing is sent that resolves them: the rule, which saw the end too, fires for its window.
        """
        for definition in END_ALERTS:
            key = definition.name, _labels_of(definition, record)
            known = self._alerts.get(key)
            if known is not None and known.uid == record.uid and definition.matches(record):
                del self._alerts[key]

    def on_events(self, baseline: Baseline, events: Sequence[CrawlEvent]) -> None:
        """Activate the alerts of pods."""
        self._on_pod_events(_crawl_labels(baseline), baseline.uid, events)

    def _on_pod_events(
        self, crawl: tuple[str, str, str], uid: str, events: Sequence[CrawlEvent]
    ) -> None:
        """Activate what one change showed of a crawl's pods.

        Of a crawl seen for the first time, the time of an eviction is unknown: Browsertrix never
        prunes the status of deleted pods. And an exit for want of memory may just as well be that
        of an eviction which is over. A status has no time of redis's exits.
        """
        first_seen = any(isinstance(one, StateEntered) and not one.previous for one in events)
        for event in events:
            match event:
                case PodEvicted(at, pod, _, resource) if not first_seen:
                    exhausted = frozenset({resource} - {"", UNNAMED})
                    self._activate(EVICTED, (*crawl, pod), uid, at, exhausted)
                case OomKilled(at, pod, role) if role != "redis" and not first_seen:
                    self._activate(OOM_KILLED, (*crawl, pod), uid, at)
                case PodExited(at, pod, role, _, code) if (
                    code == _OUT_OF_SPACE_CODE and role != "redis"
                ):
                    self._activate(OUT_OF_SPACE, (*crawl, pod), uid, at)

    def _activate(
        self,
        definition: EventAlert,
        label_values: tuple[str, ...],
        uid: str,
        at: float,
        exhausted: frozenset[str] = frozenset(),
    ) -> None:
        if definition.name in self._without:
            return
        now = self.clock()
        if at > now + _MOST_AHEAD:
            at = now
        starts_at = min(at, now)  # clocks differ, and Alertmanager's may be behind Browsertrix's
        # As the rule's, by the event's clock: counted from ours, when that is an hour behind, the
        # alert would be over before it reaches Alertmanager.
        ends_at = at + definition.window
        key = definition.name, label_values
        known = self._alerts.get(key)
        if known is not None:
            # An end that is better known has its timestamp corrected. Anything else is another
            # event of the same crawl's name or pod: one alert, which lasts as long as the later.
            if known.uid != uid or definition not in END_ALERTS:
                starts_at = min(starts_at, known.starts_at)
                ends_at = max(ends_at, known.ends_at)
                exhausted |= known.exhausted
            if (starts_at, ends_at, exhausted) == (known.starts_at, known.ends_at, known.exhausted):
                return
        if ends_at <= now:
            self._alerts.pop(key, None)
            return
        self._alerts[key] = ActiveAlert(
            definition, label_values, uid, starts_at, ends_at, exhausted
        )
        for listener in self.listeners:
            listener(key)

    # -- after a restart

    def _restore_pod_alerts(self, ledger: Ledger) -> None:
        """Activate what the ledger's log of events has of pods."""
        try:
            logged = ledger.logged_events(since=self.clock() - LONGEST_WINDOW)
        except DatabaseError as error:
            logger.warning(
                "alerts of pods from before the start are not restored",
                extra={"error": str(error)},
            )
            return
        for _, change in groupby(logged, key=lambda one: (one.noticed, one.uid)):
            entries = list(change)
            events = [one for one in map(restored, entries) if one is not None]
            self._on_pod_events(_crawl_labels(entries[0]), entries[0].uid, events)


def _labels_of(definition: EventAlert, record: FinishedCrawl) -> tuple[str, ...]:
    """The values of the alert's labels: the crawl's, or its organisation's alone."""
    return tuple(str(getattr(record, label)) for label in definition.labels)


def _crawl_labels(crawl: FinishedCrawl | Baseline | LoggedEvent) -> tuple[str, str, str]:
    """The values of ``CRAWL_LABELS``, which every event alert has."""
    return crawl.namespace, crawl.oid, crawl.crawl
