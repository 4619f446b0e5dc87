"""The exporter's own metrics: what is measured, by which labels, from when on."""

import sys

import pytest

from exporter import __version__
from exporter.metrics import CATALOG, Format
from exporter.metrics.catalog import Group
from support.served_metrics import ServedMetrics, watch

FORMATS = pytest.mark.parametrize("form", Format)
CRAWLERS = {"source": "crawljobs", "scope": "crawlers"}
EVERYWHERE = {"source": "crawljobs", "scope": "*"}


@FORMATS
def test_every_sample_has_the_labels_the_catalog_declares(form: Format) -> None:
    exporter = ServedMetrics(watch(last_sync=1.0, last_event=1.0, last_list=1.0))
    exporter.self_metrics.on_scrape(0.1, 5, form)
    declared = {f.base: set(f.labels) for f in CATALOG if f.group is Group.EXPORTER}
    seen = set()
    for metric in exporter.self_metrics.registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith("_created"):
                assert sample.labels.keys() - {"le"} == declared[metric.name]
                seen.add(metric.name)
    assert seen == declared.keys()


def test_the_build_is_named() -> None:
    python = sys.version.split()[0]
    assert ServedMetrics().value(
        "browsertrix_exporter_build_info", version=__version__, python_version=python
    ) == 1.0  # fmt: skip


def test_watches_are_counted_by_source_and_scope_from_zero_on() -> None:
    named, everywhere = watch(lists=3, objects=7), watch("")
    named.problems.kinds["status.size"] = 2
    named.stats.events["MODIFIED"] = 12
    exporter = ServedMetrics(named, everywhere)
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


def test_a_timestamp_of_what_has_not_happened_is_absent() -> None:
    name = "browsertrix_exporter_last_event_timestamp_seconds"
    assert ServedMetrics().value(name, **CRAWLERS) is None
    assert ServedMetrics(watch(last_event=5.0)).value(name, **CRAWLERS) == 5.0


def test_scrapes_are_measured_by_format() -> None:
    exporter = ServedMetrics()
    name = "browsertrix_exporter_scrape"
    assert exporter.value(f"{name}_duration_seconds_count", format="openmetrics") == 0
    assert exporter.value(f"{name}_size_bytes", format="text") is None
    exporter.self_metrics.on_scrape(0.3, 1234, Format.TEXT)
    assert exporter.value(f"{name}_size_bytes", format="text") == 1234
    assert exporter.value(f"{name}_duration_seconds_bucket", format="text", le="0.25") == 0
    assert exporter.value(f"{name}_duration_seconds_bucket", format="text", le="0.5") == 1
