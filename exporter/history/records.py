"""What the ledger has of finished crawls, of events and of its file, as rows to serve and show."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from exporter.history.baseline import Baseline, Ending


class FinishedCrawl(NamedTuple):
    """A crawl that is over: a row of the file's table, as there may be a hundred thousand.

    Timestamps in seconds since 1970.
    """

    uid: str
    namespace: str
    oid: str
    crawl: str
    state: str
    """``unknown`` when it vanished, ``deleted`` when its record had, too."""
    stop_reason: str
    finished: float
    """As its status or record said; the deletion or the last sign of life where neither did."""
    paused_seconds: float
    """Over all its pauses."""
    deleted_at: float | None
    """When its object was found deleted; None while it is there."""
    cid: str = ""
    """The workflow's id; empty where it is not known."""
    learned: float | None = None
    """When it became known how it ended, where that was later than that it had (``lookup``)."""

    @classmethod
    def of(
        cls, baseline: Baseline, ending: Ending, deleted_at: float | None, learned: float | None
    ) -> Self:
        """The record of a crawl that ended so."""
        return cls(
            baseline.uid,
            baseline.namespace,
            baseline.oid,
            baseline.crawl,
            ending.state,
            ending.stop_reason,
            ending.finished,
            baseline.paused_seconds,
            deleted_at,
            baseline.cid,
            learned,
        )


class LoggedEvent(NamedTuple):
    """An event as it was logged: a row of the file's table. Timestamps in seconds since 1970."""

    noticed: float
    at: float
    uid: str
    namespace: str
    oid: str
    crawl: str
    kind: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """How the ledger's file is, and how often it was written since the start."""

    persistent: bool
    """Whether there is a file at all; without one, a restart forgets everything."""
    last_error: str | None
    """Why nothing is written now, in one line; None when all is well."""
    write_failures: int
    writes: int
    """Transactions."""
