"""What a scrape gets: formats, choice, chunks; and what the exporter says of itself."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.alerting.send_loop import SendLoop, SendStats
from exporter.cluster.changes import Change
from exporter.cluster.problems import Problems
from exporter.cluster.reflector import Reflector
from exporter.cluster.stats import Stats
from exporter.crawls import Crawl
from exporter.history.ledger import Ledger
from exporter.metrics import (
    CATALOG,
    Exposition,
    Format,
    HistoryCollector,
    SelfMetrics,
    SeriesStore,
    catalog,
    selected,
)
from exporter.metrics.catalog import Group, Kind
from exporter.metrics.documentation import documentation
from exporter.resources.crawljob import parse_json
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from support.factories import crawljob, to_wire
from support.tools import ROOT, require_tool

FORMATS = pytest.mark.parametrize("form", Format)


def watch(scope: str = "crawlers", **stats: Any) -> Reflector[Any]:
    """What the own metrics read of a reflector."""
    found = SimpleNamespace(
        resource=CRAWLJOB_RESOURCE,
        source="crawljobs",
        scope=scope,
        synced=True,
        stats=Stats(**stats),
        problems=Problems(CRAWLJOB_RESOURCE),
    )
    return cast("Reflector[Any]", found)


def delivery() -> SendLoop:
    """What the own metrics read of a delivery to Alertmanager."""
    stats = SendStats(last_success=1.0)
    found = SimpleNamespace(url="http://alertmanager:9093", failing=False, pending=0, stats=stats)
    return cast("SendLoop", found)


class Exporter:
    """Everything that is served, of a few crawls."""

    def __init__(
        self, *reflectors: Reflector[Any], crawls: int = 2, include: Iterable[str] = (),
        exclude: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self.families = selected(catalog(), list(include), list(exclude))
        store = SeriesStore(self.families)
        for number in range(crawls):
            wire = crawljob(crawl=f"manual-{number}", spec={"pausedAt": "2025-05-21T12:00:00Z"})
            store.on_change(Change("crawlers", None, Crawl(parse_json(to_wire(wire)))))
        store.on_synced("crawlers", "1")
        ledger = Ledger.open()
        self.own = SelfMetrics(self.families, reflectors or [watch()], ledger, [delivery()])
        self.exposition = Exposition(
            self.families, store, HistoryCollector(self.families, ledger), self.own.registry
        )

    def text(self, form: Format = Format.TEXT, *names: str) -> str:
        chosen = frozenset(names) or None
        return b"".join(self.exposition.chunks(form, chosen, 2e9)).decode()

    def value(self, name: str, **labels: str) -> float | None:
        for family in parse_text(self.text()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None


def headers(text: str) -> set[str]:
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


@FORMATS
def test_everything_in_the_catalog_is_served_and_nothing_else(form: Format) -> None:
    exporter = Exporter()
    parse: Any = parse_openmetrics if form is Format.OPENMETRICS else parse_text
    served = {
        family.name: (family.type, family.documentation) for family in parse(exporter.text(form))
    }
    text = form is Format.TEXT
    declared = {
        family.name if text and family.kind is Kind.INFO else family.base: (
            "gauge" if text and family.kind is Kind.INFO else str(family.kind),
            family.help,
        )
        for family in CATALOG
    }
    assert served == declared


@FORMATS
def test_every_own_sample_has_the_labels_the_catalog_declares(form: Format) -> None:
    exporter = Exporter(watch(last_sync=1.0, last_event=1.0, last_list=1.0))
    exporter.own.on_scrape(0.1, 5, form)
    declared = {f.base: set(f.labels) for f in CATALOG if f.group is Group.EXPORTER}
    seen = set()
    for metric in exporter.own.registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith("_created"):
                assert sample.labels.keys() - {"le"} == declared[metric.name]
                seen.add(metric.name)
    assert seen == declared.keys()


def test_promtool_has_nothing_to_say() -> None:
    exporter = Exporter(watch("crawlers"), watch(""))
    exporter.own.on_scrape(0.1, 5, Format.TEXT)
    promtool = require_tool("promtool")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        check=False,
        input=exporter.text().encode(),
        capture_output=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_openmetrics_ends_once_and_names_units_and_infos() -> None:
    text = Exporter().text(Format.OPENMETRICS)
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    assert "# TYPE browsertrix_crawl info\n" in text
    assert "# UNIT browsertrix_crawl_size_bytes bytes\n" in text
    assert "# UNIT browsertrix_crawl_pages_done" not in text


def test_the_text_format_has_neither_units_nor_an_end_mark() -> None:
    text = Exporter().text(Format.TEXT)
    assert "# UNIT" not in text
    assert "# EOF" not in text
    assert "# TYPE browsertrix_crawl_info gauge\n" in text
    assert "_created" not in text.replace("browsertrix_crawl_created_timestamp_seconds", "")


def test_both_formats_have_the_same_sample_lines() -> None:
    exporter = Exporter(exclude=["process_*", "python_*"])

    def lines(form: Format) -> list[str]:
        return [line for line in exporter.text(form).splitlines() if not line.startswith("#")]

    assert lines(Format.TEXT) == lines(Format.OPENMETRICS)


def test_content_types_are_what_prometheus_asks_for() -> None:
    assert Format.TEXT.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert Format.OPENMETRICS.content_type == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )


@FORMATS
@pytest.mark.parametrize(
    "name",
    [
        "browsertrix_crawls",
        "browsertrix_crawl_state",
        "browsertrix_crawl_info",
        "browsertrix_pod_evicted",
        "browsertrix_crawl_pause_duration_seconds",
        "browsertrix_exporter_lists_total",
        "browsertrix_exporter_scrape_duration_seconds",
        "browsertrix_exporter_scrape_duration_seconds_bucket",
        "process_cpu_seconds_total",
    ],
)
def test_a_scrape_can_choose_a_family_by_its_or_a_samples_name(name: str, form: Format) -> None:
    text = Exporter().text(form, name)
    (header,) = headers(text)
    assert name.startswith(header.removesuffix("_total").removesuffix("_info"))
    assert any(not line.startswith("#") for line in text.splitlines())


def test_a_scrape_of_several_names_gets_them_all_in_order() -> None:
    text = Exporter().text(Format.TEXT, "browsertrix_pod_evicted", "browsertrix_crawls", "nothing")
    assert headers(text) == {"browsertrix_crawls", "browsertrix_pod_evicted"}


def test_unknown_names_select_nothing_and_stay_valid() -> None:
    exporter = Exporter()
    assert exporter.text(Format.TEXT, "nothing") == ""
    assert exporter.text(Format.OPENMETRICS, "nothing") == "# EOF\n"


def test_excluded_families_are_neither_rendered_nor_served() -> None:
    exporter = Exporter(exclude=["browsertrix_pod_*", "python_*", "browsertrix_exporter_watch*"])
    shown = headers(exporter.text())
    assert not [n for n in shown if n.startswith(("browsertrix_pod_", "python_"))]
    assert "browsertrix_exporter_watches_total" not in shown
    assert "browsertrix_crawl_state" in shown


def test_includes_choose_and_excludes_win() -> None:
    exporter = Exporter(
        include=["browsertrix_crawl_*", "process_open_fds"], exclude=["*_timestamp_*"]
    )
    shown = headers(exporter.text())
    assert "process_open_fds" in shown
    assert "browsertrix_crawl_scale" in shown
    assert not [n for n in shown if "timestamp" in n or n.startswith("browsertrix_pod_")]


def test_a_large_exposition_comes_in_moderate_chunks_that_are_whole_lines() -> None:
    exporter = Exporter(crawls=3000)
    chunks = list(exporter.exposition.chunks(Format.TEXT, None, 2e9))
    assert max(map(len, chunks)) < 1024 * 1024
    assert all(chunk.endswith(b"\n") for chunk in chunks)


def test_an_empty_store_serves_headers_and_own_metrics() -> None:
    text = Exporter(crawls=0).text()
    assert "browsertrix_crawl_state" in headers(text)
    assert "\nbrowsertrix_crawl_state{" not in text
    assert "browsertrix_exporter_build_info{" in text


def test_a_collector_that_raises_fails_the_scrape_before_its_first_byte() -> None:
    class Broken(Collector):
        def collect(self) -> Iterable[Metric]:
            raise RuntimeError("broken")

    registry = CollectorRegistry()
    registry.register(Broken())
    exposition = Exposition(
        catalog(), SeriesStore(catalog()), HistoryCollector(catalog(), Ledger.open()), registry
    )
    with pytest.raises(RuntimeError):
        exposition.chunks(Format.TEXT, None, 0.0)


def test_a_metric_that_is_not_in_the_catalog_is_not_served() -> None:
    class Stranger(Collector):
        def collect(self) -> Iterable[Metric]:
            metric = Metric("stranger", "Not declared.", "gauge")
            metric.add_sample("stranger", {}, 1.0)
            yield metric

    registry = CollectorRegistry()
    registry.register(Stranger())
    exposition = Exposition(
        catalog(), SeriesStore(catalog()), HistoryCollector(catalog(), Ledger.open()), registry
    )
    assert b"stranger" not in b"".join(exposition.chunks(Format.TEXT, None, 0.0))


def test_the_build_is_named() -> None:
    python = sys.version.split()[0]
    assert Exporter().value(
        "browsertrix_exporter_build_info", version=__version__, python_version=python
    ) == 1.0  # fmt: skip


CRAWLERS = {"source": "crawljobs", "scope": "crawlers"}
EVERYWHERE = {"source": "crawljobs", "scope": "*"}


def test_watches_are_counted_by_source_and_scope_from_zero_on() -> None:
    named, everywhere = watch(lists=3, objects=7), watch("")
    named.problems.kinds["status.size"] = 2
    named.stats.events["MODIFIED"] = 12
    exporter = Exporter(named, everywhere)
    prefix = "browsertrix_exporter"
    assert exporter.value(f"{prefix}_lists_total", **CRAWLERS) == 3
    assert exporter.value(f"{prefix}_lists_total", **EVERYWHERE) == 0
    assert exporter.value(f"{prefix}_objects", **CRAWLERS) == 7
    assert exporter.value(f"{prefix}_synced", **CRAWLERS) == 1
    assert exporter.value(f"{prefix}_watch_events_total", **CRAWLERS, type="MODIFIED") == 12
    assert exporter.value(f"{prefix}_watch_events_total", **EVERYWHERE, type="DELETED") == 0
    assert exporter.value(f"{prefix}_watch_reconnects_total", **EVERYWHERE, reason="expired") == 0
    problems = f"{prefix}_parse_problems_total"
    assert exporter.value(problems, **CRAWLERS, field="status.size") == 2
    pods = "status.podStatus.*.used.memory"
    for field in (
        "spec",
        "status.state",
        "metadata.labels.btrix.org",
        "spec.profile_filename",
        pods,
    ):
        assert exporter.value(problems, **CRAWLERS, field=field) == 0
    unknown = f"{prefix}_unknown_values_total"
    assert exporter.value(unknown, **CRAWLERS, field="status.stopReason") == 0


def test_a_timestamp_that_has_not_come_is_absent() -> None:
    name = "browsertrix_exporter_last_event_timestamp_seconds"
    assert Exporter().value(name, **CRAWLERS) is None
    assert Exporter(watch(last_event=5.0)).value(name, **CRAWLERS) == 5.0


def test_scrapes_are_measured_by_format() -> None:
    exporter = Exporter()
    name = "browsertrix_exporter_scrape"
    assert exporter.value(f"{name}_duration_seconds_count", format="openmetrics") == 0
    assert exporter.value(f"{name}_size_bytes", format="text") is None
    exporter.own.on_scrape(0.3, 1234, Format.TEXT)
    assert exporter.value(f"{name}_size_bytes", format="text") == 1234
    assert exporter.value(f"{name}_duration_seconds_bucket", format="text", le="0.25") == 0
    assert exporter.value(f"{name}_duration_seconds_bucket", format="text", le="0.5") == 1


def test_the_committed_documentation_is_what_the_catalog_says() -> None:
    page = Path(ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == documentation(CATALOG, "markdown"), "run `make docs`"


def test_every_family_is_documented_in_every_form() -> None:
    as_json = json.loads(documentation(CATALOG, "json"))
    assert [entry["name"] for entry in as_json] == [family.name for family in CATALOG]
    assert as_json[0].keys() == {"name", "type", "group", "labels", "unit", "help", "source"}
    text, page = documentation(CATALOG, "text"), documentation(CATALOG, "markdown")
    for family in CATALOG:
        assert f"\n{family.name} " in f"\n{text}"
        assert f"| `{family.name}` |" in page
