"""What a family of Browsertrix's own objects is: organisations, workflows and the like.

They are asked for by HTTP now and then (``--browsertrix.url``) and without it not served at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from exporter.metrics.catalog.family import Family, Group, Sample
from exporter.resources.browsertrix import Organisation, OrganisationCounts, Workflow

ORG_LABELS: Final = ("oid",)
WORKFLOW_LABELS: Final = ("oid", "cid")


class OrganisationView(NamedTuple):
    """An organisation, and what its figures depend on beside it."""

    org: Organisation
    month: str
    """The one that is now, in UTC: ``YYYY-MM``."""
    named: bool
    """Whether names may be served."""


class OrganisationCrawls(NamedTuple):
    """What CrawlJobs say of an organisation."""

    org: Organisation
    running: int
    """Crawls that take a place of those that the organisation may run at once."""
    queued: int
    uncommitted: int
    """Bytes that will count as stored, once they are uploaded."""


@dataclass(frozen=True, slots=True)
class PastRuns:
    """What is known of a workflow's runs that ended; None: unknown."""

    ended: float | None = None
    """When the newest did."""
    duration: float | None = None
    """Of the newest, as size and pages."""
    size: int | None = None
    pages: int | None = None
    usual_pages: int | None = None
    """Of the newest that had any."""
    last_success: float | None = None
    failures: int | None = None
    """In a row, up to the newest."""
    crawls: int | None = None
    """How many there were, and how many of them were successful, when it was last polled."""
    successful: int | None = None


class WorkflowView(NamedTuple):
    """A workflow, and what its figures depend on beside it."""

    workflow: Workflow
    past: PastRuns
    named: bool
    """Whether names may be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledFamily(Family):
    """A family of objects that are polled; ``samples`` of one of them, unknown ones as None."""

    samples: Callable[[Any], Iterable[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFamily(PolledFamily):
    """Of an organisation as it was listed."""

    samples: Callable[[OrganisationView], Iterable[Sample]]
    monthly: bool = False
    """Whether it is of the month that is now."""
    group: Group = Group.ORGANISATION
    labels: tuple[str, ...] = ORG_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationCountsFamily(PolledFamily):
    """Of what an organisation has archived."""

    samples: Callable[[OrganisationCounts], Iterable[Sample]]
    group: Group = Group.ORGANISATION
    labels: tuple[str, ...] = ORG_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationCrawlsFamily(PolledFamily):
    """Of an organisation's CrawlJobs; it is read when scraped, for these change all the time."""

    samples: Callable[[OrganisationCrawls], Iterable[Sample]]
    group: Group = Group.ORGANISATION
    labels: tuple[str, ...] = ORG_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFamily(PolledFamily):
    """Of a workflow as it was listed."""

    samples: Callable[[WorkflowView], Iterable[Sample]]
    group: Group = Group.WORKFLOW
    labels: tuple[str, ...] = WORKFLOW_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFamily(Family):
    """Of a workflow's schedule: a timestamp that is another when the schedule has passed."""

    timestamp: Callable[[Workflow, float], float | None]
    group: Group = Group.WORKFLOW
    labels: tuple[str, ...] = WORKFLOW_LABELS


def one(value: Callable[[Any], Sample]) -> Callable[[Any], tuple[Sample]]:
    """Make the one sample of each object, of how its value is read."""
    return lambda item: (value(item),)
