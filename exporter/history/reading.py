"""What a ledger file knows, for people: finished crawls and events, newest first.

Reads beside the exporter that writes the file, and disturbs neither.
"""

import json
from contextlib import closing
from pathlib import Path

from exporter.history.database import Store, read_only
from exporter.history.records import FinishedCrawl, LoggedEvent

_EVENTS = "SELECT noticed, at, uid, namespace, oid, crawl, kind, detail FROM events"


def finished_crawls(
    path: Path, *, since: float = 0.0, crawl: str | None = None
) -> list[FinishedCrawl]:
    """Crawls that finished at or after ``since`` (seconds since 1970), or the one crawl's.

    Raises StoreError where the file cannot be read or is no ledger of this release.
    """
    with closing(read_only(path)) as store:
        rows = store.rows(
            "SELECT uid, namespace, oid, crawl, state, stop_reason, finished, paused_seconds,"
            " deleted_at"
            " FROM finished WHERE finished >= ? AND crawl = coalesce(?, crawl)"
            " ORDER BY finished DESC, uid",
            (since, crawl),
        )
    return [FinishedCrawl._make(row) for row in rows]


def events(path: Path, *, since: float = 0.0, crawl: str | None = None) -> list[LoggedEvent]:
    """Events noticed at or after ``since`` (seconds since 1970), or the one crawl's.

    Raises StoreError where the file cannot be read or is no ledger of this release.
    """
    with closing(read_only(path)) as store:
        rows = store.rows(
            f"{_EVENTS} WHERE noticed >= ? AND crawl = coalesce(?, crawl) ORDER BY id DESC",
            (since, crawl),
        )
    return [_logged(*row) for row in rows]


def latest_events(store: Store, most: int) -> list[LoggedEvent]:
    """At most so many, newest first. Raises StoreError; ValueError where a row makes no sense."""
    rows = store.rows(f"{_EVENTS} ORDER BY id DESC LIMIT ?", (most,))
    return [_logged(*row) for row in rows]


def _logged(  # noqa: PLR0913, PLR0917 - the columns
    noticed: float,
    at: float,
    uid: str,
    namespace: str,
    oid: str,
    crawl: str,
    kind: str,
    detail: str,
) -> LoggedEvent:
    return LoggedEvent(noticed, at, uid, namespace, oid, crawl, kind, json.loads(detail))
