"""``history``: what a ledger has recorded, for people at a terminal and for scripts.

Finished crawls and events in one stream, newest first. Texts are of the cluster and hostile,
so they are quoted as in the log.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from exporter.history.reading import events, finished_crawls
from exporter.history.records import FinishedCrawl, LoggedEvent
from exporter.runtime.logs import logfmt

_ENDS: Final = frozenset({"finished", "vanished"})


def history_lines(
    path: Path, since: float | None, crawl: str | None, *, as_json: bool
) -> Iterator[str]:
    """Give the lines, newest first; ``since`` in seconds before now, None for all.

    Raises DatabaseError, at once, where the file cannot be read or is no ledger.
    """
    begin = 0.0 if since is None else time.time() - since
    over = finished_crawls(path, since=begin, crawl=crawl)
    ends = {record.uid for record in over}
    entries = [(record.finished, _crawl(record)) for record in over]
    entries += [
        (event.at, _event(event))
        for event in events(path, since=begin, crawl=crawl)
        if not (event.kind in _ENDS and event.uid in ends)  # the crawl's entry says more
    ]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    return (_line(at, fields, as_json) for at, fields in entries)


def _crawl(record: FinishedCrawl) -> dict[str, Any]:
    return {
        "what": "crawl over",
        "namespace": record.namespace,
        "oid": record.oid,
        "crawl": record.crawl,
        "state": record.state,
        "stop_reason": record.stop_reason,
        "paused_seconds": record.paused_seconds,
    }


def _event(event: LoggedEvent) -> dict[str, Any]:
    return {
        "what": event.kind,
        "namespace": event.namespace,
        "oid": event.oid,
        "crawl": event.crawl,
        **event.detail,
    }


def _line(at: float, fields: dict[str, Any], as_json: bool) -> str:
    fields = {"at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}
    return (json.dumps(fields) if as_json else logfmt(fields)) + "\n"
