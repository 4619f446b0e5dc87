"""The record of a crawl in Browsertrix's database, which outlives its CrawlJob.

Source of names and meanings: Browsertrix, ``backend/btrixcloud/models.py`` (``CrawlOut``). It has
no stop reason: that is in the CrawlJob alone.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.resources.browsertrix.reading import Id, ItemReader
from exporter.resources.fields import Count, Seconds, Text, Timestamp
from exporter.resources.metadata import WIRE
from exporter.resources.parsing import Problem


@dataclass(config=WIRE, slots=True, kw_only=True)
class RecordStats:
    """Pages, and bytes with what is not uploaded yet."""

    found: Count = None
    done: Count = None
    size: Count = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class CrawlRecord:
    """One crawl as its record says. Timestamps in seconds since 1970."""

    id: Id
    oid: Text = None
    cid: Text = None
    state: Text = None
    started: Timestamp = None
    finished: Timestamp = None
    """None while it runs."""
    paused_at: Timestamp = None
    stats: RecordStats = field(default_factory=RecordStats)
    file_size: Count = None
    """Bytes of what was uploaded."""
    crawl_exec_seconds: Seconds = None
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["CrawlRecord", tuple[Problem, ...]]:
        """Read the answer of ``GET /api/orgs/all/crawls/{id}``.

        Raises InvalidObjectError without a usable id.
        """
        return READER(item)


READER: Final = ItemReader(CrawlRecord)
