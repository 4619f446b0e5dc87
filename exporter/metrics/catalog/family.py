"""What a metric family is: declared once, read by everything that speaks of it.

The exposition takes its headers from here, the series their names and labels, the documentation
its text, and the checks of rules and dashboards the set of what exists. A family of crawls or pods
has at most one sample for each, so it says how to read *the* value, and nothing more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from operator import attrgetter
from typing import Final

from prometheus_client import Metric

from exporter.crawls import Crawl, CrawlPod
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS


class Group(StrEnum):
    """What a family speaks of."""

    CRAWL = "crawl"
    POD = "pod"
    VOLUME = "volume"
    INDEX = "index"
    ORGANISATION = "organisation"
    WORKFLOW = "workflow"
    INSTALLATION = "installation"
    FLEET = "fleet"
    HISTORY = "history"
    EXPORTER = "exporter"


class Kind(StrEnum):
    """The types of OpenMetrics that are used here."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"
    HISTOGRAM = "histogram"


_SUFFIXES: Final = {Kind.COUNTER: "_total", Kind.INFO: "_info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family; ``name`` is the one queries use, with ``_total`` or ``_info``."""

    name: str
    help: str
    source: str
    """Where the value comes from, for the documentation: a field of the CrawlJob, or a phrase."""
    group: Group
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()
    """The identity's first, then its own, these in sorted order; on the wire all are sorted."""
    unit: str = field(default="")
    """As OpenMetrics has it: the end of the name; empty where the value has none."""

    fixed: tuple[tuple[str, str], ...] = ()
    """Labels beyond these that all of its samples have, each with its value."""

    @property
    def base(self) -> str:
        """The name without the type's suffix, as OpenMetrics declares it."""
        return self.name.removesuffix(_SUFFIXES.get(self.kind, ""))

    @property
    def sample_names(self) -> frozenset[str]:
        """The names its samples have."""
        if self.kind is Kind.HISTOGRAM:
            return frozenset(f"{self.name}{end}" for end in ("_bucket", "_count", "_sum"))
        return frozenset({self.name})

    def metric(self) -> Metric:
        """An empty family of prometheus_client's, to render or to fill."""
        return Metric(self.base, self.help, self.kind, self.unit)

    def filled(self, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
        """The family with samples, each the labels' values (in ``labels``' order) and a value."""
        metric = self.metric()
        for values, value in samples:
            labels = dict(zip(self.labels, values, strict=True)) | dict(self.fixed)
            metric.add_sample(self.name, labels, value)
        return metric


Sample = float | tuple[float, *tuple[str | int | None, ...]] | None
"""What a family says of one crawl or pod: a value; with it the values of its labels beyond the
identity, in order; or None, where the value is unknown: then there is no sample."""


def labelled(label_value: str | None) -> Sample:
    """Return 1 with the value of the family's one label; no sample where that has no value."""
    return (1.0, label_value) if label_value else None


class Field:
    """Reads a value that is an attribute, as most are."""

    def __init__(self, path: str, *, zero_is_unknown: bool = False) -> None:
        """``path`` is dotted, as of ``operator.attrgetter``."""
        self.path: Final = path
        self.zero_is_unknown: Final = zero_is_unknown
        self._read = attrgetter(path)

    def __call__(self, item: object) -> float | None:
        """Return the value; None where it is unknown."""
        value: float | None = self._read(item)
        return value or None if self.zero_is_unknown else value

    @staticmethod
    def reader(fields: Sequence["Field"]) -> Callable[[object], tuple[float | None, ...]]:
        """Make what reads many in one call, a quarter of the time of as many calls; zeros as is."""
        if len(fields) > 1:
            return attrgetter(*[field.path for field in fields])
        return lambda item: tuple(attrgetter(field.path)(item) for field in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlFamily(Family):
    """A family with at most one sample for each crawl."""

    value: Callable[[Crawl], Sample]
    since: Callable[[Crawl], float | None] | None = None
    """Where it returns a timestamp, the value is the seconds from then to the scrape instead."""
    group: Group = Group.CRAWL
    labels: tuple[str, ...] = CRAWL_LABELS


class Reads(Enum):
    """What of a pod a family reads: where that has not changed, it is not read again."""

    STATUS = "status"
    """What its CrawlJob says, and the pod: all but what was measured."""
    USAGE = "usage"
    """What was measured, and anything else."""
    OBJECTS = "objects"
    """The pod itself and its volume: nothing that its CrawlJob says, nothing measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFamily(Family):
    """A family with at most one sample for each pod of a crawl."""

    value: Callable[[CrawlPod], Sample]
    of_deleted_pods: bool = False
    """Whether it is served for a pod that no longer exists: how it exited is, usage is not."""
    reads: Reads = Reads.STATUS
    group: Group = Group.POD
    labels: tuple[str, ...] = POD_LABELS


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is counted over all CrawlJobs held, for every namespace seen."""

    crawls: Mapping[str, Mapping[str, int]]
    """CrawlJobs by namespace and state."""
    malformed: Mapping[str, int]
    """CrawlJobs with a field that could not be read, by namespace."""
    dropped_pods: Mapping[str, int]
    """Pods without series, by namespace: their crawls have too many."""
    last_status: Mapping[str, float]
    """When the status of a crawl at work was last written, by namespace; seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFamily(Family):
    """A family of counts over many CrawlJobs."""

    samples: Callable[[Fleet], Iterable[tuple[tuple[str, ...], float]]]
    group: Group = Group.FLEET
