"""The same exposition the slow way: prometheus_client's own families and its own rendering.

Nothing of the fast path is used: only what the catalog reads of a CrawlJob.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.cluster.changes import Change
from exporter.history.ledger import Ledger
from exporter.metrics import Exposition, Format, HistoryCollector, SeriesStore
from exporter.metrics.catalog import CrawlFamily, Family, Fleet, FleetFamily, PodFamily
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.crawljob.pods import pods_of
from exporter.resources.identity import crawl_id, org_id

NOW = 1_900_000_000.5


class _Reference:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def reference(
    families: Iterable[Family], jobs: Sequence[CrawlJob], now: float, form: Format
) -> bytes:
    registry: Any = _Reference([_metric(family, jobs, now) for family in families])
    if form is Format.OPENMETRICS:
        return bytes(generate_openmetrics(registry))
    return generate_latest(registry)


def fast(families: Sequence[Family], jobs: Iterable[CrawlJob], now: float, form: Format) -> bytes:
    store = SeriesStore(families)
    for job in jobs:
        store.on_change(Change("", None, job))
    store.on_synced("", "1")
    return b"".join(
        Exposition(
            families, store, HistoryCollector(families, Ledger.open()), CollectorRegistry()
        ).chunks(form, None, now)
    )


def samples(
    families: Iterable[Family], jobs: Sequence[CrawlJob], now: float = NOW
) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Of each family, its samples as labels and value; families without any are left out."""
    found = {}
    for family in families:
        metric = _metric(family, jobs, now)
        if metric.samples:
            found[family.name] = [(sample.labels, sample.value) for sample in metric.samples]
    return found


def _metric(family: Family, jobs: Sequence[CrawlJob], now: float) -> Metric:
    metric = Metric(family.base, family.help, family.kind, family.unit)
    identity: tuple[str, ...]
    match family:
        case CrawlFamily():
            for job in jobs:
                identity = (
                    job.metadata.namespace, org_id(job), crawl_id(job),
                )  # fmt: skip
                since = family.since(job) if family.since else None
                reading = family.value(job) if since is None else max(0.0, now - since)
                _add(metric, family, identity, reading)
        case PodFamily():
            for job in jobs:
                for pod in pods_of(job):
                    if pod.exists or family.of_deleted_pods:
                        identity = (
                            job.metadata.namespace, org_id(job), crawl_id(job),
                            pod.name,
                        )  # fmt: skip
                        _add(metric, family, identity, family.value(pod))
        case FleetFamily():
            for words, value in family.samples(fleet_of(jobs)):
                _add(metric, family, words, value)
    return metric


def _add(metric: Metric, family: Family, identity: tuple[str, ...], reading: Any) -> None:
    if reading is None:
        return
    value, *words = reading if isinstance(reading, tuple) else (reading,)
    texts = [*identity, *("" if word is None else str(word) for word in words)]
    labels = dict(zip(family.labels, texts, strict=True))
    metric.add_sample(family.name, labels, value + 0.0)  # no negative zeros


def fleet_of(jobs: Sequence[CrawlJob]) -> Fleet:
    crawls: dict[str, dict[str, int]] = {}
    malformed: dict[str, int] = {}
    for job in jobs:
        namespace = job.metadata.namespace
        states = crawls.setdefault(namespace, {})
        states[derived.state(job)] = states.get(derived.state(job), 0) + 1
        malformed[namespace] = malformed.get(namespace, 0) + bool(job.problems)
    return Fleet(crawls, malformed)
