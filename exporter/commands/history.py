"""``history``: what a ledger has recorded, for people at a terminal and for scripts.

Finished crawls and events in one stream, newest first. Texts are of the cluster and hostile,
so they are quoted as in the log. Names are those last known, and left out where there are none.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from exporter.history.names import Names
from exporter.history.reading import crawl_names, events, finished_crawls
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
    names_of = crawl_names(path)
    over = finished_crawls(path, since=begin, crawl=crawl)
    ends = {record.uid for record in over}
    entries = [(one.finished, _crawl(one, names_of(one.uid, one.oid))) for one in over]
    entries += [
        (event.at, _event(event, names_of(event.uid, event.oid)))
        for event in events(path, since=begin, crawl=crawl)
        if not (event.kind in _ENDS and event.uid in ends)  # the crawl's entry says more
    ]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    return (_line(at, fields, as_json) for at, fields in entries)


def _crawl(record: FinishedCrawl, names: Names) -> dict[str, Any]:
    return {
        "what": "crawl over",
        "namespace": record.namespace,
        "oid": record.oid,
        "crawl": record.crawl,
        **_called(names),
        "state": record.state,
        "stop_reason": record.stop_reason,
        "paused_seconds": record.paused_seconds,
    }


def _event(event: LoggedEvent, names: Names) -> dict[str, Any]:
    return {
        "what": event.kind,
        "namespace": event.namespace,
        "oid": event.oid,
        "crawl": event.crawl,
        **_called(names),
        **event.detail,
    }


def _called(names: Names) -> dict[str, str]:
    known = {"cid": names.cid, "workflow": names.workflow, "organisation": names.organisation}
    return {name: text for name, text in known.items() if text}


def _line(at: float, fields: dict[str, Any], as_json: bool) -> str:
    fields = {"at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}
    return (json.dumps(fields) if as_json else logfmt(fields)) + "\n"
