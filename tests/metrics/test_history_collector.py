"""What the ledger remembers, as it is served: finished crawls, counters, histograms."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from exporter.cluster.changes import Change
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.measures import BUCKETS
from exporter.history.recorder import HistoryRecorder
from exporter.history.records import FinishedCrawl
from exporter.metrics import Exposition, Format, HistoryCollector, SeriesStore, catalog
from exporter.metrics.catalog import Group
from exporter.resources.crawljob import parse_json
from exporter.resources.crawljob.states import KNOWN_STATES
from support.crawl_history import remember
from support.factories import CREATED, OID, UPDATED, UPDATED_EPOCH, crawljob, to_wire

FINISHED = "browsertrix_crawl_finished_timestamp_seconds"
FAMILIES = [family for family in catalog() if family.group is Group.HISTORY]


class Served:
    """A ledger, a recorder, and what is served of them."""

    def __init__(self, retention: float = 3600.0, max_finished: int = 100) -> None:
        self.now = UPDATED_EPOCH
        self.ledger = Ledger.open(
            retention=retention, max_finished=max_finished, clock=lambda: self.now
        )
        self.crawls = CrawlJoin(HistoryRecorder(self.ledger, ["crawlers"], lambda: self.now))
        self.past = HistoryCollector(FAMILIES, self.ledger)
        self.crawls.on_synced("crawlers", "1")
        self.version = 1

    def see(self, uid: str = "u", *, deleted: bool = False, **parts: Any) -> None:
        self.version += 1
        parts["metadata"] = {
            "uid": uid, "resourceVersion": str(self.version), **parts.get("metadata", {}),
        }  # fmt: skip
        job = parse_json(to_wire(crawljob(**parts)))
        self.crawls.on_change(Change("crawlers", None, job, deleted=deleted))

    def text(self, form: Format = Format.TEXT, names: frozenset[str] | None = None) -> str:
        exposition = Exposition(FAMILIES, SeriesStore(FAMILIES), self.past, CollectorRegistry())
        return b"".join(exposition.chunks(form, names, self.now)).decode()

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parse_text(self.text())
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[name, tuple(sorted({"namespace": "crawlers", **labels}.items()))]

    def finished(self) -> list[tuple[dict[str, str], float]]:
        return [
            (dict(labels), value)
            for (name, labels), value in self.samples().items()
            if name == FINISHED
        ]


@pytest.fixture
def served() -> Served:
    return Served()


def ended(**labels: str) -> dict[str, str]:
    return {"namespace": "crawlers", "oid": OID, "stop_reason": "", **labels}


def over(state: str = "complete", **status: Any) -> dict[str, Any]:
    return {"state": state, "finished": UPDATED, **status}


def test_a_finished_crawl_is_served_until_its_retention_is_over(served: Served) -> None:
    served.see(crawl="a")
    assert served.finished() == []
    served.see(crawl="a", status=over(stopReason="size-limit"))
    expected = [(ended(crawl="a", state="complete", stop_reason="size-limit"), UPDATED_EPOCH)]
    assert served.finished() == expected
    served.see(crawl="a", status=over(stopReason="size-limit"), deleted=True)
    served.now += 3599
    served.ledger.expire()
    assert served.finished() == expected
    served.now += 2
    served.ledger.expire()
    assert served.finished() == []


def test_a_stronger_stop_reason_replaces_the_series(served: Served) -> None:
    served.see(crawl="a", status=over(stopReason=None))
    served.see(crawl="a", status=over(stopReason="time-limit"))
    assert [labels["stop_reason"] for labels, _ in served.finished()] == ["time-limit"]


def test_a_name_used_again_that_ends_alike_is_one_series_with_the_later_timestamp(
    served: Served,
) -> None:
    served.see("one", crawl="a", status=over(finished="2025-05-21T12:00:00Z"))
    served.see("one", crawl="a", status=over(finished="2025-05-21T12:00:00Z"), deleted=True)
    served.see("two", crawl="a", status=over(finished="2025-05-21T12:00:10Z"))
    assert served.finished() == [(ended(crawl="a", state="complete"), UPDATED_EPOCH + 10)]


def test_more_than_is_kept_drops_the_oldest() -> None:
    served = Served(max_finished=2)
    for crawl in "abc":
        served.see(crawl, crawl=crawl, status=over())
        served.see(crawl, crawl=crawl, status=over(), deleted=True)
    assert sorted(labels["crawl"] for labels, _ in served.finished()) == ["b", "c"]
    assert served.ledger.dropped_crawls == 1


def test_counters_are_there_at_zero_before_anything_happens(served: Served) -> None:
    for state in KNOWN_STATES:
        assert served.value("browsertrix_crawl_states_entered_total", state=state) == 0
    assert (
        served.value(
            "browsertrix_crawls_finished_total", state="complete", stop_reason="size-limit"
        )
        == 0
    )
    assert served.value("browsertrix_pod_evictions_total", role="crawler") == 0
    assert served.value("browsertrix_crawl_pauses_total") == 0
    assert served.value("browsertrix_crawl_duration_seconds_count", outcome="complete") == 0


def test_what_happens_is_counted_once(served: Served) -> None:
    served.see(crawl="a", status={"state": "running", "crawlExecTime": 100, "pagesDone": 5})
    served.see(crawl="a", status={"state": "running", "crawlExecTime": 160, "pagesDone": 9})
    figures = {"crawlExecTime": 160, "pagesDone": 9}
    served.see(crawl="a", spec={"pausedAt": UPDATED}, status={"state": "paused", **figures})
    served.now += 60
    served.see(crawl="a", status={"state": "running", "crawlExecTime": 160, "pagesDone": 9})
    for _ in range(2):
        served.see(crawl="a", status=over(crawlExecTime=200, pagesDone=9))
    assert served.value("browsertrix_crawl_pauses_total") == 1
    assert served.value("browsertrix_crawl_resumes_total") == 1
    assert served.value("browsertrix_crawl_states_entered_total", state="paused") == 1
    assert served.value("browsertrix_crawls_finished_total", state="complete", stop_reason="") == 1
    assert served.value("browsertrix_org_exec_seconds_total", oid=OID, role="job") == 200
    assert served.value("browsertrix_org_pages_total", oid=OID, role="job") == 9
    assert served.value("browsertrix_crawl_pause_length_seconds_count") == 1


def test_buckets_cumulate(served: Served) -> None:
    # Created at 11:44, finished at 12:00: a quarter of an hour and a minute.
    assert CREATED == "2025-05-21T11:44:00Z"
    served.see(crawl="a", status={"state": "running"})
    served.see(crawl="a", status=over())
    name = "browsertrix_crawl_duration_seconds"
    assert served.value(f"{name}_bucket", outcome="complete", le="900.0") == 0
    assert served.value(f"{name}_bucket", outcome="complete", le="1800.0") == 1
    assert served.value(f"{name}_bucket", outcome="complete", le="+Inf") == 1
    assert served.value(f"{name}_count", outcome="complete") == 1
    assert served.value(f"{name}_sum", outcome="complete") == 960
    buckets = [
        sample.labels["le"]
        for family in parse_text(served.text(names=frozenset({name})))
        for sample in family.samples
        if sample.name.endswith("_bucket") and sample.labels["outcome"] == "complete"
    ]
    assert [float(le) for le in buckets] == [*BUCKETS, float("inf")]


def reference(served: Served) -> Iterator[Metric]:
    """The same by prometheus_client alone."""
    ledger = served.ledger
    for family in FAMILIES:
        metric = Metric(family.base, family.help, family.kind, family.unit)
        if family.name == FINISHED:
            for record in ledger.finished_crawls.values():
                values: tuple[str, ...] = (
                    record.namespace, record.oid, record.crawl, record.state, record.stop_reason,
                )  # fmt: skip
                named = dict(zip(family.labels, values, strict=True))
                metric.add_sample(FINISHED, named, record.finished)
        for (name, values), total in ledger.tallies.totals.items():
            if name == family.name:
                metric.add_sample(name, dict(zip(family.labels, values, strict=True)), total)
        for (name, values), histogram in ledger.tallies.histograms.items():
            if name == family.name:
                labels = dict(zip(family.labels, values, strict=True))
                total = 0
                for bound, count in zip((*BUCKETS, float("inf")), histogram.counts, strict=True):
                    total += count
                    le = {**labels, "le": floatToGoString(bound)}
                    metric.add_sample(f"{name}_bucket", le, total)
                metric.add_sample(f"{name}_count", labels, total)
                metric.add_sample(f"{name}_sum", labels, histogram.sum)
        yield metric


def test_it_equals_prometheus_clients_own_rendering(served: Served) -> None:
    served.see("one", crawl="a", status=over("failed", crawlExecTime=12345678, size=10**12))
    served.see("two", crawl="b", status=over("stopped_by_user", stopReason="stopped_by_user"))
    hostile = FinishedCrawl("x", "ns", 'o"\n\\', "c", "s", "r", UPDATED_EPOCH, 0.0, None)
    remember(served.ledger, hostile)
    served.past.on_finished(hostile)
    metrics = list(reference(served))

    class Registry:
        def collect(self) -> list[Metric]:
            return metrics

    registry: Any = Registry()
    assert served.text() == generate_latest(registry).decode()
    assert served.text(Format.OPENMETRICS) == generate_openmetrics(registry).decode()
    names = {family.base for family in FAMILIES}
    assert {family.name for family in parse_openmetrics(served.text(Format.OPENMETRICS))} == names


def test_names_select(served: Served) -> None:
    text = served.text(names=frozenset({"browsertrix_crawl_wait_seconds_count"}))
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} == {
        "browsertrix_crawl_wait_seconds"
    }
    assert json.dumps(text).count("browsertrix_crawl_pauses") == 0


def _lines(past: HistoryCollector) -> tuple[bytes, ...]:
    return past.lines(FAMILIES)[FINISHED]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 2), st.booleans()),
        max_size=20,
    )
)
def test_in_any_order_of_coming_and_leaving_what_is_served_is_what_is_there(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    """Two uids may have one name and one ending: their crawl was made anew."""
    past, there = HistoryCollector(FAMILIES, Ledger.open()), dict[str, FinishedCrawl]()
    for number, crawl, finished, leaves in steps:
        uid = f"u{number}"
        if leaves:
            if record := there.pop(uid, None):
                past.on_forgotten(record)
            continue
        there[uid] = remember_as(uid, f"c{crawl}", float(finished))
        past.on_finished(there[uid])
    fresh = HistoryCollector(FAMILIES, Ledger.open())
    for record in there.values():
        fresh.on_finished(record)
    assert sorted(_lines(past)) == sorted(_lines(fresh))
    latest = {
        name: max(one.finished for one in there.values() if one.crawl == name)
        for name in {one.crawl for one in there.values()}
    }
    assert len(_lines(past)) == len(latest)
    for name, timestamp in latest.items():
        (text,) = [text for text in _lines(past) if f'crawl="{name}"'.encode() in text]
        assert float(text.split()[-1]) == timestamp


def remember_as(uid: str, crawl: str, finished: float) -> FinishedCrawl:
    return FinishedCrawl(uid, "crawlers", OID, crawl, "complete", "", finished, 0.0, None)


def test_when_an_end_was_learned_stands_beside_when_it_was_where_it_was_asked_for() -> None:
    ledger = Ledger.open()
    seen = remember_as("a", "manual-1", 1.0)
    asked = remember_as("b", "manual-2", 2.0)._replace(learned=7.5)
    remember(ledger, seen, asked)
    past = HistoryCollector(FAMILIES, ledger)
    learned = {"browsertrix_crawl_end_learned_timestamp_seconds"}
    families = [family for family in FAMILIES if family.name in learned | {FINISHED}]

    lines = {name: b"".join(found).decode() for name, found in past.lines(families).items()}

    labels = f'crawl="manual-2",namespace="crawlers",oid="{OID}",state="complete",stop_reason=""'
    (name,) = learned
    assert lines[name] == f"{name}{{{labels}}} 7.5\n"
    assert len(lines[FINISHED].splitlines()) == 2
    past.on_forgotten(asked)
    assert past.lines(families)[name] == ()
    alone = HistoryCollector([family for family in FAMILIES if family.name in learned], ledger)
    assert len(alone.lines(families)[name]) == 1
