"""With CrawlJobs alone the exposition is what it was before there were other sources.

What is compared with was written by the last version that knew nothing else (80e797f): its
recorder, store and exposition were given the same changes at the same times. Families may be added.
Of those there were, samples and headers are the same bytes, but for a crawl's place among others
and the texts listed here.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from exporter.cluster.changes import Change
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.metrics import Exposition, Format, HistoryCollector, SeriesStore, catalog
from exporter.metrics.catalog import Group
from exporter.metrics.catalog.live_pod import LIVE_POD_FAMILIES
from exporter.resources.crawljob import parse_json
from exporter.sources import CRAWLJOBS
from support.crawl_history import Clock
from support.factories import (
    NAMESPACE,
    UPDATED,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    redis_pod,
    to_wire,
)

BEFORE: Final = Path(__file__).with_name("before_sources")
OTHER_HELP: Final = {
    "browsertrix_pod_memory_used_bytes",
    "browsertrix_pod_memory_usage_ratio",
    "browsertrix_pod_cpu_allocated_cores",
    "browsertrix_pod_cpu_used_cores",
    "browsertrix_pod_cpu_usage_ratio",
    "browsertrix_crawls_vanished",
    "browsertrix_pod_oom_kills",
}
"""As other sources have their part in these."""
NEW_SERIES: Final = {
    (
        'browsertrix_crawls_finished_total{namespace="crawlers",state="complete",'
        'stop_reason="unknown"} 0.0'
    ),
}
"""How Browsertrix tells of a crawl that has vanished."""

Step = tuple[float, dict[str, Any], bool]
"""Seconds since 1970, a CrawlJob, and whether it is deleted."""


def story() -> Iterator[Step]:
    """What befalls four crawls within half an hour: all that is counted."""
    at, version = UPDATED_EPOCH, 1000

    def pods(crawl: str) -> dict[str, Any]:
        return {f"crawl-{crawl}-0": crawler_pod(), f"redis-{crawl}": redis_pod()}

    def step(crawl: str, deleted: bool = False, **parts: Any) -> Step:
        nonlocal at, version
        at, version = at + 60, version + 1
        metadata = {"resourceVersion": str(version), **parts.pop("metadata", {})}
        parts.setdefault("pods", pods(crawl))
        return at, crawljob(crawl=crawl, metadata=metadata, **parts), deleted

    later = "2025-05-21T12:05:00Z"
    killed = crawler_pod(exitTime=UPDATED, exitCode=137, reason="oom")
    for crawl in ("ends", "is-paused", "is-canceled", "crashes"):
        waiting = {"state": "starting", "pagesDone": 0, "size": 0}
        yield step(crawl, status=waiting, pods={})
        yield step(crawl)
    crashing = {
        "crawl-crashes-0": killed,
        "crawl-crashes-1": crawler_pod(evicted=True, exitTime=later, exitCode=137, reason="oom"),
        "crawl-crashes-2": crawler_pod(
            exitTime=later, exitCode=10, reason="interrupt: 10", backoffWait=True
        ),
        "crawl-crashes-3": crawler_pod(newMemory=3 * 1024**3, used={"memory": 0, "cpu": 0}),
        "redis-crashes": redis_pod(exitCode=1, reason="interrupt: 1"),
    }
    yield step("crashes", pods=crashing)
    yield step("crashes", pods={**crashing, "crawl-crashes-0": crawler_pod()})
    yield step("is-paused", spec={"pausedAt": later}, status={"stopReason": "paused"})
    paused = {"state": "paused", "stopReason": "paused", "scale": 0}
    yield step("is-paused", spec={"pausedAt": later}, status=paused)
    yield step("is-paused", status={"pagesDone": 900})
    yield step("is-paused", spec={"pausedAt": "2025-05-21T12:16:00Z"}, status=paused)
    deleting = {"deletionTimestamp": "2025-05-21T12:17:00Z"}
    yield step("is-canceled", metadata=deleting)
    yield step("is-canceled", metadata=deleting, status={"state": "canceled", "finished": later})
    yield step("is-canceled", metadata=deleting, status={"state": "canceled"}, deleted=True)
    full = {"state": "complete", "finished": later, "stopReason": "size-limit", "pagesDone": 5000}
    yield step("ends", status=full)
    yield step("ends", status=full, deleted=True)


def exposition(form: Format) -> str:
    """What is scraped in the end, half a minute later; of the exporter itself nothing."""
    clock = Clock(UPDATED_EPOCH)
    chosen = [one for one in catalog() if one.group is not Group.EXPORTER]
    ledger = Ledger.open(clock=clock)
    history, store = HistoryCollector(chosen, ledger), SeriesStore(chosen)
    join = CrawlJoin(HistoryRecorder(ledger, (NAMESPACE,), clock), store)
    join.on_synced(NAMESPACE, "999")
    for at, wire, deleted in story():
        clock.now = at
        change = Change(NAMESPACE, None, parse_json(to_wire(wire)), deleted)
        join.by_source[CRAWLJOBS.name].on_change(change)
    whole = Exposition(chosen, store, history, CollectorRegistry())
    return b"".join(whole.chunks(form, None, clock.now + 30)).decode()


def families(text: str) -> dict[str, tuple[str, list[str], list[str]]]:
    """By name: the help, the other headers, and the samples, which have no order."""
    found = {}
    for block in re.split(r"(?m)^(?=# HELP )", text.removesuffix("# EOF\n"))[1:]:
        lines = block.splitlines()
        headers = [line for line in lines[1:] if line.startswith("# ")]
        samples = sorted(line for line in lines if not line.startswith("# "))
        found[lines[0].split(" ")[2]] = lines[0], headers, samples
    return found


@pytest.mark.parametrize("form", Format)
def test_what_was_served_before_there_were_other_sources_is_served_as_it_was(form: Format) -> None:
    before = families((BEFORE / f"{form.name.lower()}.txt").read_text())
    now = families(exposition(form))
    assert len(before) == 70
    assert before.keys() <= now.keys()
    for name, (text, headers, samples) in before.items():
        assert now[name][1:] == (
            headers,
            sorted({*samples, *NEW_SERIES.intersection(now[name][2])}),
        )
        if name.removesuffix("_total") not in OTHER_HELP:
            assert now[name][0] == text


def test_a_crawl_of_which_crawljobs_alone_tell_has_no_series_of_what_others_tell() -> None:
    """The families that were added are there, and say nothing of its pods."""
    now = families(exposition(Format.TEXT))
    for name in (one.name for one in LIVE_POD_FAMILIES):
        assert now[name][2] == []
