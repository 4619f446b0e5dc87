"""The wire form of a workflow: when it runs, and how it went last.

Source of names and meanings: Browsertrix, ``backend/btrixcloud/models.py`` (``CrawlConfigOut``)
and ``crawlconfigs.py``. While a crawl of it runs, everything named ``last_…`` is that crawl's.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.dataclasses import dataclass

from exporter.resources.browsertrix.reading import Id, ItemReader, Title, shortened
from exporter.resources.browsertrix.schedule import Schedule, read_schedule
from exporter.resources.fields import Count, Flag, SharedText, Timestamp
from exporter.resources.metadata import WIRE
from exporter.resources.parsing import Problem


def _address(text: str) -> str:
    """The address without user, password, query and fragment, where secrets are put."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return shortened(f"{parts.scheme}://{host}{parts.path}") if host else ""


if TYPE_CHECKING:  # what reading makes of it
    CronSchedule = Schedule | None
else:
    CronSchedule = (
        Annotated[str, StringConstraints(max_length=1024), AfterValidator(read_schedule)] | None
    )
    """When it runs by itself; None where it does not, or where Kubernetes would refuse it."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class RunStats:
    """Pages of the newest run."""

    found: Count = None
    done: Count = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class Workflow:
    """One workflow as last listed. Bytes, and timestamps in seconds since 1970."""

    id: Id
    oid: SharedText = None
    name: Title = None
    first_seed: Annotated[str, AfterValidator(_address)] | None = None
    schedule: CronSchedule = None
    created: Timestamp = None
    modified: Timestamp = None
    """When somebody last changed it, its schedule among all; runs do not move it."""
    is_crawl_running: Flag = None
    last_crawl_start_time: Timestamp = None
    last_crawl_time: Timestamp = None
    """The end of the newest run; None while it runs."""
    last_crawl_state: SharedText = None
    last_crawl_size: Count = None
    last_crawl_stats: RunStats = field(default_factory=RunStats)
    crawl_count: Count = None
    """Runs that ended and were not deleted."""
    crawl_successful_count: Count = None
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def title(self) -> str:
        """What people call it: its name or, as Browsertrix does, its first seed."""
        return self.name or self.first_seed or ""

    def scheduled_last(self, at: float) -> float | None:
        """When the schedule said it should have run last before ``at``, or at ``at``.

        None where it has none, or where the workflow was changed since: the schedule that is known
        need not have been the one of then.
        """
        last = self.schedule.last(at) if self.schedule else None
        since = self.modified or self.created or 0.0
        return last if last is not None and last >= since else None

    def runs_next(self, at: float) -> float | None:
        """When the schedule says that it runs next after ``at``; None where it has none."""
        return self.schedule.next(at) if self.schedule else None

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["Workflow", tuple[Problem, ...]]:
        """Read an item of ``GET /api/orgs/{oid}/crawlconfigs``.

        Raises InvalidObjectError without a usable id.
        """
        return READER(item)


READER: Final = ItemReader(Workflow)
