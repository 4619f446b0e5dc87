"""Counters and histograms of what happened: plain numbers, fed by events only.

They only ever grow, also through restarts (the ledger keeps them). What a namespace can count is
there at 0 as soon as it is seen, for a counter that is born at 1 has never increased.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporter.history.baseline import Baseline
from exporter.history.comparison import Difference
from exporter.history.events import (
    CrawlEvent,
    Finished,
    OomKilled,
    Paused,
    PodEvicted,
    PodExited,
    RestartDue,
    Resumed,
    Started,
    StateEntered,
    Vanished,
)
from exporter.resources.crawljob.states import (
    KNOWN_EXIT_REASONS,
    KNOWN_RESTART_REASONS,
    KNOWN_STATES,
    KNOWN_STOP_REASONS,
    PAUSED,
)

FINISHED: Final = "browsertrix_crawls_finished_total"
STATES_ENTERED: Final = "browsertrix_crawl_states_entered_total"
PAUSES: Final = "browsertrix_crawl_pauses_total"
RESUMES: Final = "browsertrix_crawl_resumes_total"
VANISHED: Final = "browsertrix_crawls_vanished_total"
POD_EXITS: Final = "browsertrix_pod_exits_total"
POD_EVICTIONS: Final = "browsertrix_pod_evictions_total"
POD_OOM_KILLS: Final = "browsertrix_pod_oom_kills_total"
POD_RESTARTS: Final = "browsertrix_pod_restarts_total"
EXEC_SECONDS: Final = "browsertrix_org_exec_seconds_total"
PAGES: Final = "browsertrix_org_pages_total"
BYTES: Final = "browsertrix_org_bytes_total"
DURATION: Final = "browsertrix_crawl_duration_seconds"
WAIT: Final = "browsertrix_crawl_wait_seconds"
PAUSE_LENGTH: Final = "browsertrix_crawl_pause_length_seconds"

COUNTERS: Final[dict[str, tuple[str, ...]]] = {
    FINISHED: ("namespace", "state", "stop_reason"),
    STATES_ENTERED: ("namespace", "state"),
    PAUSES: ("namespace",),
    RESUMES: ("namespace",),
    VANISHED: ("namespace",),
    POD_EXITS: ("namespace", "role", "reason"),
    POD_EVICTIONS: ("namespace", "role"),
    POD_OOM_KILLS: ("namespace", "role"),
    POD_RESTARTS: ("namespace", "reason"),
    EXEC_SECONDS: ("namespace", "oid", "role"),
    PAGES: ("namespace", "oid", "role"),
    BYTES: ("namespace", "oid", "role"),
}
"""Each counter with the names of its labels."""

HISTOGRAMS: Final[dict[str, tuple[str, ...]]] = {
    DURATION: ("namespace", "outcome"),
    WAIT: ("namespace",),
    PAUSE_LENGTH: ("namespace",),
}
"""Each histogram with the names of its labels, ``le`` aside."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
BUCKETS: Final = (
    *(_MINUTE * n for n in (1, 5, 15, 30)),
    *(_HOUR * n for n in (1, 2, 4, 8, 16)),
    *(_DAY * n for n in (1, 2, 4, 7, 14, 28)),
)
"""Upper bounds in seconds; a last bucket without one follows. A pause expires after 7 days."""

OUTCOMES: Final = ("complete", "stopped", "failed", "canceled", "skipped", "other")

Key = tuple[str, tuple[str, ...]]
"""A family's name and its label values, in the order of its label names."""

_ROLES: Final = ("crawler", "redis")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
OTHER: Final = "other"
"""What is counted under no name of its own: text that is no word, which could be anything."""


@dataclass(slots=True)
class Histogram:
    """Observations by bucket, not cumulated; the last one counts those above every bound."""

    counts: list[int]
    sum: float = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in seconds."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.sum += value


class Tallies:
    """All counters and histograms, and which of them changed since they were last written."""

    def __init__(self) -> None:
        self.totals: dict[Key, float] = {}
        self.histograms: dict[Key, Histogram] = {}
        self.changed: set[Key] = set()
        self._namespaces: set[str] = set()

    def see_namespace(self, namespace: str) -> None:
        """Create at 0 what can be counted there."""
        self._namespaces.add(namespace)
        for family, rest in _known_combinations():
            self.totals.setdefault((family, (namespace, *rest)), 0.0)
        for family, labels in HISTOGRAMS.items():
            for outcome in OUTCOMES if "outcome" in labels else (None,):
                rest = () if outcome is None else (outcome,)
                self._histogram((family, (namespace, *rest)))

    def add(self, baseline: Baseline, difference: Difference) -> None:
        """Count what happened to one crawl, and what it consumed."""
        if baseline.namespace not in self._namespaces:
            self.see_namespace(baseline.namespace)
        who = (baseline.namespace, baseline.oid, baseline.role)
        for family, amount in (
            (EXEC_SECONDS, difference.exec_seconds),
            (PAGES, difference.pages),
            (BYTES, difference.size),
        ):
            if amount:
                self._count((family, who), amount)
        for event in difference.events:
            self._count_one(baseline.namespace, event)
            self._observe_lengths(baseline.namespace, event)

    def _count_one(self, namespace: str, event: CrawlEvent) -> None:
        """Count one; what is missing here is in the log only, or counted by its state."""
        match event:
            case StateEntered(_, state, _):
                self._count((STATES_ENTERED, (namespace, _word(state))))
            case PodExited(_, _, role, reason, _):
                self._count((POD_EXITS, (namespace, role, _word(reason.partition(":")[0]))))
            case PodEvicted(_, _, role):
                self._count((POD_EVICTIONS, (namespace, role)))
            case OomKilled(_, _, role):
                self._count((POD_OOM_KILLS, (namespace, role)))
            case RestartDue(_, _, reason):
                self._count((POD_RESTARTS, (namespace, reason)))
            case Paused():
                self._count((PAUSES, (namespace,)))
            case Resumed():
                self._count((RESUMES, (namespace,)))
            case Finished(_, state, stop_reason):
                self._count(
                    (FINISHED, (namespace, _word(state), stop_reason and _word(stop_reason)))
                )
            case Vanished():
                self._count((VANISHED, (namespace,)))

    def _observe_lengths(self, namespace: str, event: CrawlEvent) -> None:
        match event:
            case Started(_, waited):
                self._observe(waited, WAIT, namespace)
            case Resumed(_, paused):
                self._observe(paused, PAUSE_LENGTH, namespace)
            case Finished(_, state, _, lasted, paused):
                self._observe(lasted, DURATION, namespace, outcome(state))
                self._observe(paused, PAUSE_LENGTH, namespace)

    def _count(self, key: Key, amount: float = 1.0) -> None:
        self.totals[key] = self.totals.get(key, 0.0) + amount
        self.changed.add(key)

    def _observe(self, value: float | None, family: str, *labels: str) -> None:
        if value is not None:
            self._histogram((family, labels)).observe(value)
            self.changed.add((family, labels))

    def _histogram(self, key: Key) -> Histogram:
        found = self.histograms.get(key)
        if found is None:
            found = self.histograms[key] = Histogram([0] * (len(BUCKETS) + 1))
        return found


def outcome(state: str) -> str:
    """The kind of end, coarser than the state: a histogram for each would be mostly empty."""
    kind = state.partition("_")[0]
    return kind if kind in OUTCOMES else OTHER


def _word(text: str) -> str:
    """As a label's value: a newer release's words pass, but only words: a counter is for ever."""
    return text if _PLAIN_WORD.fullmatch(text) else OTHER


def _known_combinations() -> Iterator[Key]:
    """Everything the known words can be counted as, without the namespace."""
    for state, reason in _known_endings():
        yield FINISHED, (state, reason)
    for state in KNOWN_STATES:
        yield STATES_ENTERED, (state,)
    for family in (PAUSES, RESUMES, VANISHED):
        yield family, ()
    for role in _ROLES:
        for reason in (*KNOWN_EXIT_REASONS, "evicted"):
            yield POD_EXITS, (role, reason)
        yield POD_EVICTIONS, (role,)
        yield POD_OOM_KILLS, (role,)
    for reason in KNOWN_RESTART_REASONS:
        yield POD_RESTARTS, (reason,)


def _known_endings() -> Iterator[tuple[str, str]]:
    """State and stop reason as they can come together (crawljob.md, the table of stop reasons)."""
    for state in KNOWN_STATES:
        kind = outcome(state)
        if kind == "complete":
            for reason in ("", "size-limit", "time-limit", *sorted(PAUSED)):
                yield state, reason
        elif kind == "stopped":
            yield state, state if state in KNOWN_STOP_REASONS else ""
        elif kind in ("failed", "canceled"):
            for reason in ("", *KNOWN_STOP_REASONS):
                yield state, reason
        elif kind == "skipped":
            yield state, ""
