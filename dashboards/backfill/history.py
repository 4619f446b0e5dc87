"""What Prometheus would have scraped from an exporter over hours, as OpenMetrics with timestamps.

Every line is made by the exporter's own packages: changes go through recorder and series store to
the exposition, once for each scrape. Only list and watch and the network are left out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from dashboards.backfill.exporter import BackfillExporter
from dashboards.backfill.kubelet import volume_stats
from dashboards.backfill.past import past_records
from dashboards.backfill.scenarios import HOURS, PAUSE_LIMIT, schedule_crawls
from dashboards.queries import SCRAPE_INTERVAL
from exporter.resources.identity import CRAWLJOB_PREFIX
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.browsertrix_api import Database, database_of
from exporter.simulator.browsertrix_api.workflow import Workflow

JOB: Final = "browsertrix-exporter"
INSTANCE: Final = "exporter:9999"
RENAMED: Final = 3
"""Which organisation has another name after two hours."""
NEW_ORGANISATION: Final = "Sample University"
FAILING: Final = "Members' area"
"""A workflow that fails each time; somebody tries it again twice."""
_TRIED_AGAIN: Final = (1800, 5400)
"""Seconds since the start."""
OLD_NAME: Final = "Council minutes"
NEW_NAME: Final = "Minutes of the council"
"""Of a workflow that somebody renames after an hour."""
UNKNOWN_ORGANISATION: Final = "00000000-0000-4000-8000-000000000000"
"""One of CrawlJobs, which Browsertrix does not know."""
_TARGET: Final = f'job="{JOB}",instance="{INSTANCE}"'.encode()
_SAMPLE: Final = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?(.*)$", re.MULTILINE)


@dataclass(slots=True)
class History:
    """What was written."""

    start: float
    end: float
    """Seconds since 1970, of the first scrape and the last."""
    showcase: str
    """The crawl to which most happens: see ``scenarios``."""
    crawls: list[str] = field(default_factory=list)
    """The ids of all that existed at some time."""


def write_history(
    target: BinaryIO, past: BinaryIO, folder: Path, end: float, seed: int = 7
) -> History:
    """Write ``HOURS`` of scrapes until ``end`` (seconds since 1970) and, to ``past``, days before.

    ``folder`` is for the ledger. The same seed gives the same crawls.
    """
    start = now = end - HOURS * 3600
    cluster = Cluster(clock=lambda: now, seed=seed)
    browsertrix = Browsertrix(
        cluster,
        seed=seed,
        clock=lambda: now,
        pause_limit=PAUSE_LIMIT,
        stale_writes=True,
        sync_every=30.0,  # what is scraped once a minute need not change more often
        namespaces=("crawlers", "crawlers-eu"),
        organisations=4,
        crawls=12,
    )
    database = database_of(browsertrix, since_midnight=False)
    past.writelines(past_records(database.organisations.values(), start))
    past.write(b"# EOF\n")
    exporter = BackfillExporter(cluster, database, folder)
    showcase, starts = schedule_crawls(browsertrix)
    history = History(start, end, showcase.id)
    while now <= end:
        while starts and start + starts[0][0] <= now:
            starts.pop(0)[1]()
        if now == start + 3600:
            _add_odd_objects(cluster)
            _workflow(database, OLD_NAME).name = NEW_NAME
        if now == start + 7200:
            renamed = database.organisations[browsertrix.organisations[RENAMED]]
            renamed.name, renamed.slug = NEW_ORGANISATION, "sample-university"
        if now - start in _TRIED_AGAIN:
            failing = _workflow(database, FAILING)
            browsertrix.start("fails", oid=failing.oid, cid=failing.id, work=600)
        browsertrix.step(now)
        history.crawls += [
            event.after.key[1].removeprefix(CRAWLJOB_PREFIX)
            for event in exporter.observe(now)
            if event.type == "ADDED" and event.after.resource is CRAWLJOBS
        ]
        target.write(_stored(exporter.scrape(now), now))
        target.write(volume_stats(exporter.crawls, now))
        now += SCRAPE_INTERVAL
    target.write(b"# EOF\n")
    exporter.close()
    return history


def _workflow(database: Database, name: str) -> Workflow:
    (found,) = (one for one in database.workflows.values() if one.name == name)
    return found


def _add_odd_objects(cluster: Cluster) -> None:
    """One CrawlJob with a field that cannot be read, one of a Browsertrix that is newer."""
    oddities: dict[str, dict[str, Any]] = {
        "manual-20250101000000-malformed": {"state": "running", "pagesDone": "many"},
        "manual-20250101000000-unknown": {"state": "defragmenting", "pagesDone": 12},
    }
    for crawl, status in oddities.items():
        cluster.create(
            {
                "metadata": {"name": f"{CRAWLJOB_PREFIX}{crawl}", "namespace": "crawlers"},
                "spec": {"id": crawl, "oid": UNKNOWN_ORGANISATION},
                "status": status,
            }
        )


def _stored(text: bytes, now: float) -> bytes:
    """Samples alone, each with the target's labels and a timestamp, as Prometheus stores them."""
    timestamp = f" {now:.3f}".encode()

    def with_target(match: re.Match[bytes]) -> bytes:
        name, brace, rest = match.groups()
        return name + b"{" + _TARGET + (b"," if brace else b"}") + rest + timestamp

    samples = b"\n".join(line for line in text.splitlines() if not line.startswith(b"#"))
    return _SAMPLE.sub(with_target, samples) + b"\nup{" + _TARGET + b"} 1" + timestamp + b"\n"
