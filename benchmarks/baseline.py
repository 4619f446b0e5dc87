"""What the exporter is compared with: a plain custom collector of prometheus_client's.

It holds the same CrawlJobs, parsed, and builds the same families at each scrape, behind
prometheus_client's own aiohttp handler. ``python -m benchmarks.baseline --crawls N``.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.crawls import Crawl, pods_of
from exporter.metrics import catalog
from exporter.metrics.catalog import CrawlFamily, Fleet, FleetFamily, PodFamily
from exporter.metrics.catalog.family import Sample
from exporter.resources.claim.resource import CLAIM_RESOURCE
from exporter.resources.crawljob import derived, parse_value
from exporter.resources.crawljob.states import RUNNING
from exporter.resources.identity import crawl_id, org_id
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.resources.podmetrics.resource import PODMETRICS_RESOURCE
from exporter.resources.resource import Resource
from exporter.simulator import Cluster
from exporter.simulator.apiserver.served_resource import (
    CLAIMS,
    CRAWLJOBS,
    POD_METRICS,
    PODS,
    ServedResource,
)
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods


class Crawls(Collector):
    """Says of the crawls what the exporter says."""

    def __init__(self, crawls: Sequence[Crawl]) -> None:
        self._crawls = crawls

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = time.time()
        crawls = [(_identity(crawl), crawl) for crawl in self._crawls]
        pods = [((*labels, pod.name), pod) for labels, c in crawls for pod in pods_of(c)]
        for family in catalog():
            metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            match family:
                case CrawlFamily():
                    for labels, crawl in crawls:
                        since = family.since(crawl) if family.since else None
                        _add(metric, labels, family.value(crawl) if since is None else now - since)
                case PodFamily():
                    for pod_labels, pod in pods:
                        if pod.exists or family.of_deleted_pods:
                            _add(metric, pod_labels, family.value(pod))
                case FleetFamily():
                    for fleet_labels, value in family.samples(_fleet(self._crawls)):
                        metric.add_metric(fleet_labels, value)
                case _:
                    continue
            yield metric


def _identity(crawl: Crawl) -> tuple[str, str, str]:
    return crawl.job.metadata.namespace, org_id(crawl.job), crawl_id(crawl.job)


def _add(metric: GaugeMetricFamily, identity: tuple[str, ...], sample: Sample) -> None:
    if sample is None:
        return
    value, *own = sample if isinstance(sample, tuple) else (sample,)
    metric.add_metric([*identity, *("" if v is None else str(v) for v in own)], value)


def _fleet(crawls: Sequence[Crawl]) -> Fleet:
    counts: dict[str, dict[str, int]] = {}
    last_status: dict[str, float] = {}
    for job in (crawl.job for crawl in crawls):
        written, namespace = job.status.last_updated_time, job.metadata.namespace
        if written is not None and derived.state(job) in RUNNING:
            last_status[namespace] = max(written, last_status.get(namespace, 0.0))
        states = counts.setdefault(job.metadata.namespace, {})
        states[derived.state(job)] = states.get(derived.state(job), 0) + 1
    none = dict.fromkeys(counts, 0)
    return Fleet(counts, malformed=none, dropped_pods=none, last_status=last_status)


def _crawls(number: int) -> Iterator[Crawl]:
    """The simulator's static crawls, with all that other sources say of them."""
    cluster = Cluster()
    FleetPods(cluster).add(fleet(number))
    parts = [
        _by_crawl(cluster, served, resource)
        for served, resource in (
            (PODS, POD_RESOURCE),
            (POD_METRICS, PODMETRICS_RESOURCE),
            (CLAIMS, CLAIM_RESOURCE),
        )
    ]
    for stored in cluster.snapshot(CRAWLJOBS).objects:
        job = parse_value(stored.value())
        pods, usage, volumes = (part.get(crawl_id(job), {}) for part in parts)
        yield Crawl(job, pods, usage, volumes)


def _by_crawl(
    cluster: Cluster, served: ServedResource, resource: Resource[Any]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for stored in cluster.snapshot(served).objects:
        item = resource.reader.parse_json(stored.data)
        if item.metadata.labels.crawl:
            found.setdefault(item.metadata.labels.crawl, {})[item.metadata.name] = item
    return found


async def _ready(_: web.Request) -> web.Response:
    return web.Response()


async def _serve(crawls: int) -> None:
    registry = CollectorRegistry()
    registry.register(Crawls(list(_crawls(crawls))))
    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/readyz", _ready)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--crawls", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().crawls))
