"""The wire form of an organisation: its quotas, what it has used, and what it has archived.

Source of names and meanings: Browsertrix, ``backend/btrixcloud/models.py`` (``OrgOut``,
``OrgQuotas``, ``OrgMetrics``). ``None`` always means *unknown*; a quota of 0 is *none*.
"""

from collections.abc import Mapping
from dataclasses import field
from sys import intern
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.dataclasses import dataclass

from exporter.resources.browsertrix.reading import Id, ItemReader, Title
from exporter.resources.fields import Count, Flag, Timestamp
from exporter.resources.metadata import WIRE
from exporter.resources.parsing import Problem

_MONTHS_KEPT: Final = 6
"""Of each map, the newest. Browsertrix keeps all there ever were; two are served."""
_UNREADABLE: Final = {"0000-01": None}
"""Stands for a map that was none: every month of it is unknown, where empty would be zero."""


def _newest(months: dict[str, int | None]) -> dict[str, int | None]:
    """What is served, of maps that grow for ever; the keys are held once for all."""
    return {intern(month): months[month] for month in sorted(months)[-_MONTHS_KEPT:]}


Months = (
    Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")],
            Count,
        ],
        AfterValidator(_newest),
    ]
    | None
)
"""Seconds by month as ``YYYY-MM``, in UTC; of the newest months. None: Browsertrix has no such."""


def in_month(months: Mapping[str, int | None] | None, month: str) -> int | None:
    """Return the seconds of a month (``YYYY-MM``): 0 where it is not in the map; None: unknown."""
    if months is None:
        return None
    return None if _UNREADABLE.keys() <= months.keys() else months.get(month, 0)


@dataclass(config=WIRE, slots=True, kw_only=True)
class Quotas:
    """What the organisation may use; 0 is no quota, None is unknown.

    Releases that have no gifted or extra minutes do not name them.
    """

    storage_quota: Count = None
    """Bytes."""
    max_exec_minutes_per_month: Count = None
    max_concurrent_crawls: Count = None
    gifted_exec_minutes: Count = 0
    """Given in all, once; what is left is the organisation's ``gifted_exec_seconds_available``."""
    extra_exec_minutes: Count = 0
    """Bought in all; used when the gifted ones are."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class Organisation:
    """One organisation as last listed."""

    id: Id
    slug: Title = None
    name: Title = None
    read_only: Flag = None
    bytes_stored: Count = None
    """What counts towards the storage quota; the sum of the kinds but for slips of Browsertrix."""
    bytes_stored_crawls: Count = None
    bytes_stored_uploads: Count = None
    bytes_stored_profiles: Count = None
    bytes_stored_seed_files: Count = None
    bytes_stored_thumbnails: Count = None
    bytes_stored_dedupe_indexes: Count = None
    quotas: Quotas = field(default_factory=Quotas)
    crawl_exec_seconds: Months = None
    """What pods of crawls ran; the true total, whatever the quotas are."""
    monthly_exec_seconds: Months = None
    """What was taken from the monthly quota: moves only while some time quota is set, and no
    further than the monthly one."""
    gifted_exec_seconds_available: Count = 0
    extra_exec_seconds_available: Count = 0
    last_crawl_finished: Timestamp = None
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def bytes_by_kind(self) -> dict[str, int | None]:
        """Bytes stored, by what they are of; None where this Browsertrix does not say it."""
        return {
            "crawls": self.bytes_stored_crawls,
            "uploads": self.bytes_stored_uploads,
            "profiles": self.bytes_stored_profiles,
            "seed_files": self.bytes_stored_seed_files,
            "thumbnails": self.bytes_stored_thumbnails,
            "dedupe_indexes": self.bytes_stored_dedupe_indexes,
        }

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["Organisation", tuple[Problem, ...]]:
        """Read an item of ``GET /api/orgs``. Raises InvalidObjectError without a usable id."""
        return READER(item)


@dataclass(config=WIRE, slots=True, kw_only=True)
class OrganisationCounts:
    """What one organisation has archived: ``GET /api/orgs/{oid}/metrics``."""

    id: Id
    """Not in the answer: whoever asked adds it."""
    crawl_count: Count = None
    """Crawls that ended well, as all of these."""
    upload_count: Count = None
    page_count: Count = None
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["OrganisationCounts", tuple[Problem, ...]]:
        """Read an answer to which ``id`` was added. Raises InvalidObjectError without one."""
        return COUNTS_READER(item)


_MONTH_MAPS: Final = (("crawlExecSeconds",), ("monthlyExecSeconds",))

READER: Final = ItemReader(
    Organisation,
    keys=dict.fromkeys(_MONTH_MAPS, "expected a month such as 2026-01"),
    unreadable=dict.fromkeys(_MONTH_MAPS, _UNREADABLE),
)
COUNTS_READER: Final = ItemReader(OrganisationCounts)
