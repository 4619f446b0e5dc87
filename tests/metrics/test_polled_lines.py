"""Lines of what is polled equal those that prometheus_client writes, whatever the names are."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest

from exporter.history.ledger import Ledger
from exporter.metrics import (
    CATALOG,
    BrowsertrixTables,
    Exposition,
    Format,
    HistoryCollector,
    SeriesStore,
)
from exporter.metrics.catalog import Group
from exporter.resources.browsertrix import (
    BackgroundJob,
    Organisation,
    OrganisationCounts,
    ServerSettings,
    Workflow,
)
from support.browsertrix_items import job_item, organisation_item, workflow_item
from support.polled_tables import items, served

NOW = 1768392000.25
FAMILIES = [
    family
    for family in CATALOG
    if family.group in {Group.ORGANISATION, Group.WORKFLOW, Group.INSTALLATION}
]


@pytest.mark.parametrize("name", ["Library of X", 'a "quote" and back\\slash', "{} 1\n# EOF", "Ü𝕬"])
def test_lines_are_those_of_prometheus_client(name: str) -> None:
    quotas = {"storageQuota": 3, "maxConcurrentCrawls": 1, "giftedExecMinutes": 1}
    org = organisation_item(name=name, slug=name, quotas=quotas, bytesStored=10**16 + 1)
    by_source = BrowsertrixTables(FAMILIES, [], schedule=lambda callback: callback()).by_source
    by_source["orgs"].on_polled(items(Organisation, org), NOW)
    counts = {"id": name, "crawlCount": 1, "uploadCount": 0, "pageCount": 10**7}
    by_source["org_counts"].on_polled(items(OrganisationCounts, counts), NOW)
    workflow = workflow_item(name=name, schedule="@hourly", lastCrawlState=name)
    by_source["workflows"].on_polled(items(Workflow, workflow), NOW)
    by_source["jobs"].on_polled(items(BackgroundJob, job_item(type=name)), NOW)
    by_source["settings"].on_polled(items(ServerSettings, {"pausedExpiryMinutes": 7}), NOW)
    exposition = Exposition(
        FAMILIES,
        SeriesStore(FAMILIES),
        HistoryCollector(FAMILIES, Ledger.open()),
        CollectorRegistry(),
        list(by_source.values()),
    )

    found = {key: own for table in by_source.values() for key, own in served(table, NOW).items()}
    expected = b"".join(
        generate_latest(
            _registry(
                family.filled(
                    (tuple(labels[label] for label in family.labels), value)
                    for labels, value in found.get(family.name, [])
                )
            )
        )
        for family in FAMILIES
    )

    assert b"".join(exposition.chunks(Format.TEXT, None, NOW)) == expected
    assert len(found) > 30


def _registry(metric: Metric) -> Any:
    return _Family(metric)


class _Family:
    """One family, as a registry that prometheus_client renders."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]
