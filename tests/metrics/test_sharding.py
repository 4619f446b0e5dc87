"""What shards serve adds up, and what is no crawl's is served once."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.history.ledger import Ledger
from exporter.metrics import (
    BrowsertrixTables,
    Exposition,
    Format,
    HistoryCollector,
    SelfMetrics,
    SeriesStore,
    catalog,
    families_of,
)
from exporter.metrics.sharding import shard_labels
from exporter.resources.browsertrix import Organisation
from exporter.resources.crawljob import parse_json
from exporter.resources.shard import EVERYTHING, Shard
from support.crawl_history import NOW, Watch
from support.factories import crawljob, to_wire

BY_NAME = {family.name: family for family in catalog()}
ORG = Organisation.parse({"id": "o1", "name": "One", "slug": "one", "bytesStored": 1000})[0]


def crawl(number: int, **parts: Any) -> Crawl:
    return Crawl(parse_json(to_wire(crawljob(crawl=f"c{number}", spec={"oid": "o1"}, **parts))))


class Served:
    """What one shard serves of the crawls with these numbers."""

    def __init__(self, shard: Shard, *numbers: int) -> None:
        families = families_of(shard, catalog())
        ledger = Ledger.open()
        store, tables = SeriesStore(families), BrowsertrixTables(families, ["crawlers"])
        watch = Watch()
        for number in numbers:
            status = {"state": "running", "size": 700, "filesAddedSize": 100}
            change = Change("crawlers", None, crawl(number, status=status))
            store.on_change(change)
            tables.crawls.on_change(change)
            watch.change(number, crawl=f"c{number}", status={"state": "running", "pagesDone": 5})
        for handler in (store, tables.crawls):
            handler.on_synced("crawlers", "1")
        orgs = tables.by_source["orgs"]
        orgs._work.start = lambda work: [None for _ in work]
        orgs.on_polled({"o1": ORG}, NOW)
        self_metrics = SelfMetrics(families, (), ledger)
        self_metrics.serve_shard(shard)
        exposition = Exposition(
            families,
            store,
            HistoryCollector(families, watch.ledger),
            self_metrics.registry,
            (orgs,),
        )
        text = b"".join(exposition.chunks(Format.TEXT, None, NOW)).decode()
        self.samples = [
            sample for one in text_string_to_metric_families(text) for sample in one.samples
        ]
        watch.ledger.close()

    def of(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        return [
            (one.labels, one.value)
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.of(name, **labels))


SHARDS = Served(Shard(0, 2), 1, 2), Served(Shard(1, 2), 3)
WHOLE = Served(EVERYTHING, 1, 2, 3)


@pytest.mark.parametrize(
    "name",
    [
        "browsertrix_crawls",
        "browsertrix_org_crawls_running",
        "browsertrix_org_storage_projected_bytes",
        "browsertrix_org_storage_used_bytes",
        "browsertrix_org_pages_total",
        "browsertrix_crawl_states_entered_total",
        "browsertrix_crawl_info",
    ],
)
def test_what_shards_serve_adds_up_to_what_one_serves(name: str) -> None:
    whole = WHOLE.sum(name)
    assert whole > 0
    assert sum(shard.sum(name) for shard in SHARDS) == whole


def test_counts_say_of_which_shard_they_are_and_series_of_crawls_do_not() -> None:
    first, second = SHARDS
    (labels, value) = second.of("browsertrix_crawls", state="running")[0]
    assert (labels["shard"], labels["total_shards"], value) == ("1", "2", 1.0)
    (labels, _) = first.of("browsertrix_org_crawls_running")[0]
    assert labels == {"oid": "o1", "shard": "0", "total_shards": "2"}
    (labels, _) = first.of("browsertrix_org_pages_total")[0]
    assert labels["shard"] == "0"
    assert "total_shards" not in labels
    assert "shard" not in first.of("browsertrix_crawl_info")[0][0]


def test_one_that_has_everything_has_no_labels_of_shards() -> None:
    assert WHOLE.of("browsertrix_exporter_total_shards") == [({"shard": "0"}, 1.0)]
    assert {one.name for one in WHOLE.samples if "total_shards" in one.labels} == set()
    assert {one.name for one in WHOLE.samples if "shard" in one.labels} == {
        "browsertrix_exporter_total_shards"
    }


def test_what_is_no_crawls_is_served_by_the_first_shard_alone() -> None:
    first, second = SHARDS
    assert first.of("browsertrix_org_info")
    assert not second.of("browsertrix_org_info")
    names = {family.name for family in families_of(Shard(1, 2), catalog())}
    others = ("browsertrix_workflow", "browsertrix_background_job", "browsertrix_pause_limit")
    assert not [name for name in names if name.startswith(others)]


def test_a_timestamp_is_no_count() -> None:
    last = BY_NAME["browsertrix_operator_last_status_timestamp_seconds"]
    assert shard_labels(last) == ()
    assert shard_labels(BY_NAME["browsertrix_crawl_finished_timestamp_seconds"]) == ()
