"""Reads finished crawls and events from a ledger's file, newest first.

Read-only, also beside the exporter that writes the file: neither waits for the other.
"""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from exporter.history.database import Database, read_only
from exporter.history.errors import DamagedError
from exporter.history.names import Names
from exporter.history.records import FinishedCrawl, LoggedEvent

FINISHED_CRAWLS: Final = (
    "SELECT uid, namespace, oid, crawl, state, stop_reason, finished, paused_seconds, deleted_at,"
    " cid, learned FROM finished"
)
_EVENTS: Final = "SELECT noticed, at, uid, namespace, oid, crawl, kind, detail FROM events"


def finished_crawls(
    path: Path, *, since: float = 0.0, crawl: str | None = None
) -> list[FinishedCrawl]:
    """Crawls that finished at or after ``since`` (seconds since 1970), or the one crawl's.

    Raises DatabaseError where the file cannot be read or is no ledger of this release.
    """
    with closing(read_only(path)) as database:
        rows = database.rows(
            f"{FINISHED_CRAWLS} WHERE finished >= ? AND crawl = coalesce(?, crawl)"
            " ORDER BY finished DESC, uid",
            (since, crawl),
        )
    return [FinishedCrawl._make(row) for row in rows]


def events(path: Path, *, since: float = 0.0, crawl: str | None = None) -> list[LoggedEvent]:
    """Events noticed at or after ``since`` (seconds since 1970), or the one crawl's.

    Raises DatabaseError where the file cannot be read or is no ledger of this release.
    """
    with closing(read_only(path)) as database:
        rows = database.rows(
            f"{_EVENTS} WHERE noticed >= ? AND crawl = coalesce(?, crawl) ORDER BY id DESC",
            (since, crawl),
        )
    try:
        return [_logged(*row) for row in rows]
    except ValueError as error:
        raise DamagedError(path, "corrupt", f"the log's rows make no sense: {error}") from error


def crawl_names(path: Path) -> Callable[[str, str], Names]:
    """Names of a crawl's workflow and organisation, by its uid and oid, as last known.

    Raises DatabaseError where the file cannot be read or is no ledger of this release.
    """
    with closing(read_only(path)) as database:
        orgs = {oid: (name, slug) for oid, name, slug in database.rows("SELECT * FROM org_names")}
        workflows = {
            (oid, cid): name
            for oid, cid, name in database.rows("SELECT oid, cid, name FROM workflow_names")
        }
        cids = dict(
            database.rows(
                "SELECT uid, json_extract(baseline, '$.cid') FROM baselines"
                " UNION SELECT uid, cid FROM finished"
            )
        )

    def names_of(uid: str, oid: str) -> Names:
        name, slug = orgs.get(oid, ("", ""))
        cid = cids.get(uid) or ""
        return Names(organisation=name, slug=slug, cid=cid, workflow=workflows.get((oid, cid), ""))

    return names_of


def latest_events(database: Database, most: int) -> list[LoggedEvent]:
    """At most so many, newest first.

    Raises DatabaseError, and ValueError where a row makes no sense.
    """
    rows = database.rows(f"{_EVENTS} ORDER BY id DESC LIMIT ?", (most,))
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
