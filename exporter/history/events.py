"""What can happen to a crawl: each kind of event, what is known of it, and what it counts.

``comparison`` emits events, ``tallies`` counts them, the ledger logs them. ``at`` is the timestamp
on the wire (of the exit, the pause, the end) where there is one, and the time of noticing where
there is none; seconds since 1970. Long, as all kinds of event are declared here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from exporter.history.baseline import Baseline
from exporter.history.label_values import ROLES, known_endings, label_value, outcome
from exporter.history.measures import DURATION, GROWTH, PAUSE_LENGTH, WAIT, Measure
from exporter.history.records import LoggedEvent
from exporter.resources.crawljob.pod_info import Role
from exporter.resources.crawljob.states import (
    KNOWN_EXIT_REASONS,
    KNOWN_RESTART_REASONS,
    KNOWN_STATES,
)


@dataclass(frozen=True, slots=True)
class CrawlEvent:
    """Something that happened to one crawl at one time."""

    kind: ClassVar[str]
    counter: ClassVar[Measure | None] = None
    """None where it is only logged, or the state it leads to is counted."""
    at: float

    def label_values(self) -> tuple[str, ...]:
        """Of the counter's labels after the namespace."""
        return ()

    def observations(self) -> Sequence[tuple[Measure, tuple[str, ...], float | None]]:
        """For each histogram: values of its labels after the namespace, and seconds if known."""
        return ()

    def detail(self) -> dict[str, Any]:
        """What is known of it beside kind and timestamp, as it is logged and shown.

        A class's ``__slots__`` are the fields it adds, so ``at`` is not among them.
        """
        return {name: getattr(self, name) for name in self.__slots__}

    def logged(self, baseline: Baseline, noticed: float) -> LoggedEvent:
        """What is logged of it, noticed at this time (seconds since 1970)."""
        return LoggedEvent(
            noticed,
            self.at,
            baseline.uid,
            baseline.namespace,
            baseline.oid,
            baseline.crawl,
            self.kind,
            self.detail(),
        )


@dataclass(frozen=True, slots=True)
class Finished(CrawlEvent):
    """It is over. Emitted once for each crawl, whatever comes after."""

    kind = "finished"
    counter = Measure(
        name="browsertrix_crawls_finished_total",
        help="Crawls that finished, by how they ended; size and time limits are in stop_reason.",
        source="status.finished, status.state, status.stopReason; of a crawl that vanished, "
        "Browsertrix's record with --browsertrix.url",
        labels=("namespace", "state", "stop_reason"),
        zeros=tuple(known_endings()),
    )
    state: str
    stop_reason: str
    lasted: float | None
    """Seconds since its creation."""
    paused: float | None
    """Seconds of the pause that the end cut short."""

    def label_values(self) -> tuple[str, ...]:
        """State and stop reason; the latter empty where there is none."""
        return label_value(self.state), self.stop_reason and label_value(self.stop_reason)

    def observations(self) -> Sequence[tuple[Measure, tuple[str, ...], float | None]]:
        """How long the crawl lasted, and the pause it ended in."""
        return (DURATION, (outcome(self.state),), self.lasted), (PAUSE_LENGTH, (), self.paused)


@dataclass(frozen=True, slots=True)
class StateEntered(CrawlEvent):
    """The state is another one than before, or the first."""

    kind = "state entered"
    counter = Measure(
        name="browsertrix_crawl_states_entered_total",
        help="Times that a crawl entered the state.",
        source="changes of status.state",
        labels=("namespace", "state"),
        zeros=tuple((state,) for state in KNOWN_STATES),
    )
    state: str
    previous: str
    """Empty when it is the first."""

    def label_values(self) -> tuple[str, ...]:
        """The state entered."""
        return (label_value(self.state),)


@dataclass(frozen=True, slots=True)
class Started(CrawlEvent):
    """It was seen waiting, and runs now for the first time."""

    kind = "started"
    waited: float | None
    """Seconds since its creation."""

    def observations(self) -> Sequence[tuple[Measure, tuple[str, ...], float | None]]:
        """How long it waited."""
        return ((WAIT, (), self.waited),)


@dataclass(frozen=True, slots=True)
class Paused(CrawlEvent):
    """A pause was asked for."""

    kind = "paused"
    counter = Measure(
        name="browsertrix_crawl_pauses_total",
        help="Pauses that were asked for.",
        source="spec.pausedAt being set",
    )


@dataclass(frozen=True, slots=True)
class Resumed(CrawlEvent):
    """The pause was taken back."""

    kind = "resumed"
    counter = Measure(
        name="browsertrix_crawl_resumes_total",
        help="Pauses that were taken back.",
        source="spec.pausedAt being cleared",
    )
    paused: float | None
    """Seconds; None when another pause was seen without the end of the one before."""

    def observations(self) -> Sequence[tuple[Measure, tuple[str, ...], float | None]]:
        """How long it was paused."""
        return ((PAUSE_LENGTH, (), self.paused),)


@dataclass(frozen=True, slots=True)
class PauseExpired(CrawlEvent):
    """Browsertrix ended it because it was paused for too long."""

    kind = "pause expired"


@dataclass(frozen=True, slots=True)
class Canceled(CrawlEvent):
    """It was deleted without having finished: by a user, or with its organisation."""

    kind = "canceled"


@dataclass(frozen=True, slots=True)
class Vanished(CrawlEvent):
    """Its object was deleted and no status had stated an end: how it ended is unknown.

    Where Browsertrix is asked, it could not say so either, or its record is deleted as well.
    """

    kind = "vanished"
    counter = Measure(
        name="browsertrix_crawls_vanished_total",
        help="Crawls that went while nobody looked, or were deleted without an end; not those "
        "whose end Browsertrix tells.",
        source="a CrawlJob gone without status.finished; with --browsertrix.url, its record gone "
        "as well, or not to be had within the hour",
    )
    stop_reason: str
    """What can be concluded: ``deleted``, ``stopped_pause_expired``, or the last one seen."""
    known_until: float
    """When it was last known to exist: it ended between then and ``at``. Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Scaled(CrawlEvent):
    """More or fewer crawlers were asked for: by ``scale`` or, newer, by ``browserWindows``."""

    kind = "scaled"
    what: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PodExited(CrawlEvent):
    """A pod's container ended; ``reason`` as Browsertrix gives it, or ``evicted``."""

    kind = "pod exited"
    counter = Measure(
        name="browsertrix_pod_exits_total",
        help="Exits of pods, by reason: done, oom, interrupt or evicted.",
        source="status.podStatus.*.exitTime, .reason",
        labels=("namespace", "role", "reason"),
        zeros=tuple((role, why) for role in ROLES for why in (*KNOWN_EXIT_REASONS, "evicted")),
    )
    pod: str
    role: Role
    reason: str
    code: int | None

    def label_values(self) -> tuple[str, ...]:
        """Role and reason, of which the exit code is cut off (``interrupt: 11``)."""
        return self.role, label_value(self.reason.partition(":")[0])


@dataclass(frozen=True, slots=True)
class PodEvicted(CrawlEvent):
    """The node threw the pod out."""

    kind = "pod evicted"
    counter = Measure(
        name="browsertrix_pod_evictions_total",
        help="Pods that were evicted from their node.",
        source="status.podStatus.*.evicted becoming true",
        labels=("namespace", "role"),
        zeros=tuple((role,) for role in ROLES),
    )
    pod: str
    role: Role
    resource: str = ""
    """What ran out: memory, storage, inodes, pids or other; empty where only a status told."""

    def label_values(self) -> tuple[str, ...]:
        """The pod's role."""
        return (self.role,)


@dataclass(frozen=True, slots=True)
class OomKilled(CrawlEvent):
    """The kernel killed the pod's container for its memory, and it was no eviction."""

    kind = "oom kill"
    counter = Measure(
        name="browsertrix_pod_oom_kills_total",
        help="Pods killed for using more memory than they may, evicted ones not among them.",
        source="status.podStatus.*.reason oom",
        labels=("namespace", "role"),
        zeros=tuple((role,) for role in ROLES),
    )
    pod: str
    role: Role

    def label_values(self) -> tuple[str, ...]:
        """The pod's role."""
        return (self.role,)


@dataclass(frozen=True, slots=True)
class RestartDue(CrawlEvent):
    """Browsertrix is going to restart the pod, or (``forced``) all pods of the crawl."""

    kind = "restart"
    counter = Measure(
        name="browsertrix_pod_restarts_total",
        help="Restarts of pods that Browsertrix decided on, by reason.",
        source="status.podStatus.*.newMemory, .newCpu, .evicted; spec.restartTime",
        labels=("namespace", "reason"),
        zeros=tuple((reason,) for reason in KNOWN_RESTART_REASONS),
    )
    pod: str
    """Empty when it is all pods."""
    reason: str

    def label_values(self) -> tuple[str, ...]:
        """One of the known reasons."""
        return (self.reason,)


EVENT_TYPES: Final[tuple[type[CrawlEvent], ...]] = (
    Finished,
    StateEntered,
    Started,
    Paused,
    Resumed,
    PauseExpired,
    Canceled,
    Vanished,
    Scaled,
    PodExited,
    PodEvicted,
    OomKilled,
    RestartDue,
)
COUNTERS: Final = (*(kind.counter for kind in EVENT_TYPES if kind.counter is not None), *GROWTH)
"""Every counter, in the order they are served."""

_BY_KIND: Final = {event_type.kind: event_type for event_type in EVENT_TYPES}


def restored(logged: LoggedEvent) -> CrawlEvent | None:
    """The event that was logged; None where another release's ledger has one unknown here."""
    event_type = _BY_KIND.get(logged.kind)
    try:
        return None if event_type is None else event_type(logged.at, **logged.detail)
    except TypeError:  # other fields
        return None
