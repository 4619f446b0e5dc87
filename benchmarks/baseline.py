"""What the exporter is compared with: a plain custom collector of prometheus_client's.

It holds the same CrawlJobs, parsed, and builds the same families at each scrape, behind
prometheus_client's own aiohttp handler. ``python -m benchmarks.baseline --crawls N``.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics import catalog
from exporter.metrics.catalog import CrawlFamily, Fleet, FleetFamily, PodFamily
from exporter.metrics.catalog.family import Sample
from exporter.resources.crawljob import CrawlJob, derived, parse_value
from exporter.resources.crawljob.pods import pods_of
from exporter.resources.identity import crawl_id, org_id
from exporter.simulator.fleet import fleet


class CrawlJobs(Collector):
    """Says of the CrawlJobs what the exporter says."""

    def __init__(self, jobs: Sequence[CrawlJob]) -> None:
        self._jobs = jobs

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = time.time()
        crawls = [(_identity(job), job) for job in self._jobs]
        pods = [((*who, pod.name), pod) for who, job in crawls for pod in pods_of(job)]
        told: dict[object, list[tuple[tuple[str, ...], tuple[Sample, ...]]]] = {}
        for family in catalog():
            metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            match family:
                case CrawlFamily():
                    for who, job in crawls:
                        since = family.since(job) if family.since else None
                        _add(metric, who, family.value(job) if since is None else now - since)
                case PodFamily():
                    if family.read not in told:  # each pod once for all that is read together
                        told[family.read] = [
                            (who, family.read(pod))
                            for who, pod in pods
                            if pod.exists or family.of_deleted_pods
                        ]
                    for who, readings in told[family.read]:
                        _add(metric, who, readings[family.place])
                case FleetFamily():
                    for words, value in family.samples(_fleet(self._jobs)):
                        metric.add_metric(words, value)
                case _:
                    continue
            yield metric


def _identity(job: CrawlJob) -> tuple[str, str, str]:
    return job.metadata.namespace, org_id(job), crawl_id(job)


def _add(metric: GaugeMetricFamily, identity: tuple[str, ...], reading: Sample) -> None:
    if reading is None:
        return
    value, *words = reading if isinstance(reading, tuple) else (reading,)
    metric.add_metric([*identity, *("" if w is None else str(w) for w in words)], value)


def _fleet(jobs: Sequence[CrawlJob]) -> Fleet:
    crawls: dict[str, dict[str, int]] = {}
    for job in jobs:
        states = crawls.setdefault(job.metadata.namespace, {})
        states[derived.state(job)] = states.get(derived.state(job), 0) + 1
    return Fleet(crawls, dict.fromkeys(crawls, 0))


async def _serve(crawls: int) -> None:
    registry = CollectorRegistry()
    registry.register(CrawlJobs([parse_value(value) for value in fleet(crawls)]))
    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/readyz", lambda _: web.Response())  # type: ignore[arg-type]
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
