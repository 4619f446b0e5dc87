"""The wire form of a background job: what Browsertrix does by itself, replicas among it.

Source of names and meanings: Browsertrix, ``backend/btrixcloud/models.py`` (``BackgroundJob``).
Types are an open set: a newer release brings others.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.resources.browsertrix.reading import Id, ItemReader
from exporter.resources.fields import Flag, SharedText, Timestamp
from exporter.resources.metadata import WIRE
from exporter.resources.parsing import Problem

KNOWN_TYPES: Final = (
    "cleanup-seed-files",
    "create-replica",
    "delete-org",
    "delete-replica",
    "optimize-pages",
    "postprocess-upload",
    "readd-org-pages",
    "recalculate-org-stats",
    "retry-stuck-uploads",
    "update-coll-stats",
)


@dataclass(config=WIRE, slots=True, kw_only=True)
class BackgroundJob:
    """One job as last listed. Timestamps in seconds since 1970."""

    id: Id
    type: SharedText = None
    oid: SharedText = None
    """None where the job is about all organisations."""
    success: Flag = None
    """None until it has ended."""
    started: Timestamp = None
    """Of the newest attempt."""
    finished: Timestamp = None
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def state(self) -> str | None:
        """``running``, ``failed`` or ``successful``; None where it cannot be said."""
        if self.success is None:
            has_ended = self.finished is not None or any(
                problem.field in {"success", "finished"} for problem in self.problems
            )
            return None if has_ended else "running"
        return "successful" if self.success else "failed"

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["BackgroundJob", tuple[Problem, ...]]:
        """Read an item of ``GET /api/orgs/all/jobs``. Raises InvalidObjectError without an id."""
        return READER(item)


READER: Final = ItemReader(BackgroundJob)
