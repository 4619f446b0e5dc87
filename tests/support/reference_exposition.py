"""The same exposition the slow way: prometheus_client's own families and its own rendering.

Nothing of the fast path is used: only what the catalog reads of a crawl.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.cluster.changes import Change
from exporter.crawls import Crawl, PodPast, pods_of
from exporter.history.ledger import Ledger
from exporter.metrics import Exposition, Format, HistoryCollector, IndexTable, SeriesStore
from exporter.metrics.catalog import CrawlFamily, Family, Fleet, FleetFamily, PodFamily
from exporter.metrics.catalog.family import Sample
from exporter.resources.crawljob import derived
from exporter.resources.crawljob.states import RUNNING
from exporter.resources.identity import crawl_id, org_id

NOW = 1_900_000_000.5


class _Reference:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def reference(
    families: Iterable[Family], crawls: Sequence[Crawl], now: float, form: Format
) -> bytes:
    registry: Any = _Reference([_metric(family, crawls, now) for family in families])
    if form is Format.OPENMETRICS:
        return bytes(generate_openmetrics(registry))
    return generate_latest(registry)


def fast(families: Sequence[Family], crawls: Iterable[Crawl], now: float, form: Format) -> bytes:
    store = SeriesStore(families)
    for crawl in crawls:
        store.on_change(Change("", None, crawl))
    store.on_synced("", "1")
    return b"".join(scrape(families, store, now, form))


def scrape(
    families: Sequence[Family], store: SeriesStore, now: float = NOW, form: Format = Format.TEXT
) -> Iterator[bytes]:
    """The chunks of a scrape that begins now."""
    history = HistoryCollector(families, Ledger.open())
    exposition = Exposition(families, store, history, CollectorRegistry(), [IndexTable(families)])
    return exposition.chunks(form, None, now)


def samples(
    families: Iterable[Family],
    crawls: Sequence[Crawl],
    now: float = NOW,
    *,
    pods_before: Mapping[str, PodPast] | None = None,
) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Of each family, its samples as labels and value; families without any are left out."""
    found = {}
    for family in families:
        metric = _metric(family, crawls, now, pods_before)
        if metric.samples:
            found[family.name] = [(sample.labels, sample.value) for sample in metric.samples]
    return found


def _metric(
    family: Family,
    crawls: Sequence[Crawl],
    now: float,
    pods_before: Mapping[str, PodPast] | None = None,
) -> Metric:
    metric = Metric(family.base, family.help, family.kind, family.unit)
    match family:
        case CrawlFamily():
            for crawl in crawls:
                since = family.since(crawl) if family.since else None
                sample = family.value(crawl) if since is None else max(0.0, now - since)
                _add(metric, family, _identity(crawl), sample)
        case PodFamily():
            for crawl in crawls:
                for pod in pods_of(crawl, pods_before):
                    if pod.exists or family.of_deleted_pods:
                        _add(metric, family, (*_identity(crawl), pod.name), family.value(pod))
        case FleetFamily():
            for labels, value in family.samples(fleet_of(crawls)):
                _add(metric, family, labels, value)
    return metric


def _identity(crawl: Crawl) -> tuple[str, str, str]:
    return crawl.job.metadata.namespace, org_id(crawl.job), crawl_id(crawl.job)


def _add(metric: Metric, family: Family, identity: tuple[str, ...], sample: Sample) -> None:
    if sample is None:
        return
    value, *own = sample if isinstance(sample, tuple) else (sample,)
    texts = [*identity, *("" if label is None else str(label) for label in own)]
    labels = dict(zip(family.labels, texts, strict=True))
    metric.add_sample(family.name, labels, value + 0.0)  # no negative zeros


def fleet_of(crawls: Sequence[Crawl]) -> Fleet:
    counts: dict[str, dict[str, int]] = {}
    malformed: dict[str, int] = {}
    for job in (crawl.job for crawl in crawls):
        namespace = job.metadata.namespace
        states = counts.setdefault(namespace, {})
        states[derived.state(job)] = states.get(derived.state(job), 0) + 1
        malformed[namespace] = malformed.get(namespace, 0) + bool(job.problems)
    last_status: dict[str, float] = {}
    for job in (crawl.job for crawl in crawls):
        written, namespace = job.status.last_updated_time, job.metadata.namespace
        if written is not None and derived.state(job) in RUNNING:
            last_status[namespace] = max(written, last_status.get(namespace, 0.0))
    return Fleet(counts, malformed, dict.fromkeys(counts, 0), last_status)  # no crowd of pods
