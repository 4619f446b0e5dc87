"""What the ledger says of finished crawls and of events, as rows to serve and to show."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class FinishedCrawl(NamedTuple):
    """A crawl that is over: a row of the file's table, as there may be a hundred thousand.

    Moments in seconds since 1970.
    """

    uid: str
    namespace: str
    oid: str
    crawl: str
    state: str
    """``unknown`` when it went while nobody looked."""
    stop_reason: str
    finished: float
    """``status.finished``; the deletion or the last sign of life where there was none."""
    paused_seconds: float
    """Over all its pauses."""
    deleted_at: float | None
    """When its object was found deleted_at; None while it is there."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it was kept."""

    noticed: float
    at: float
    uid: str
    namespace: str
    oid: str
    crawl: str
    kind: str
    detail: dict[str, Any]
