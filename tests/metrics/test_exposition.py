"""What a scrape gets: formats, choice of families, chunks."""

import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter.history.ledger import Ledger
from exporter.metrics import CATALOG, Exposition, Format, HistoryCollector, SeriesStore, catalog
from exporter.metrics.catalog import Group, Kind
from exporter.metrics.catalog.server_settings import PAUSE_LIMIT
from support.served_metrics import ServedMetrics, watch
from support.tools import Edition

FORMATS = pytest.mark.parametrize("form", Format)


def headers(text: str) -> set[str]:
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


@FORMATS
def test_everything_in_the_catalog_is_served_and_nothing_else(form: Format) -> None:
    exporter = ServedMetrics()
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


def test_what_no_table_serves_has_not_even_a_header() -> None:
    exposition = Exposition(
        CATALOG, SeriesStore(CATALOG), HistoryCollector(CATALOG, Ledger.open()), CollectorRegistry()
    )
    found = headers(b"".join(exposition.chunks(Format.TEXT, None, 2e9)).decode())
    polled = {Group.ORGANISATION, Group.WORKFLOW, Group.INSTALLATION, Group.INDEX, Group.EXPORTER}
    assert found == {family.name for family in CATALOG if family.group not in polled}


def test_a_table_is_read_at_the_moment_of_the_scrape_and_served_where_it_is_named() -> None:
    exposition = Exposition(
        CATALOG,
        SeriesStore(CATALOG),
        HistoryCollector(CATALOG, Ledger.open()),
        CollectorRegistry(),
        [Clock()],
    )
    name = PAUSE_LIMIT.name
    shown = b"".join(exposition.chunks(Format.TEXT, frozenset({name}), 7.0)).decode()
    assert shown.splitlines()[-1] == f"{name} 7.0"
    assert headers(shown) == {name}
    other = b"".join(exposition.chunks(Format.TEXT, frozenset({"browsertrix_crawls"}), 7.0))
    assert name.encode() not in other


class Clock:
    """A table whose one value is the time."""

    def lines(self, now: float, /) -> dict[str, list[bytes]]:
        return {PAUSE_LIMIT.name: [f"{PAUSE_LIMIT.name} {now}\n".encode()]}


def test_promtool_has_nothing_to_say(edition: Edition) -> None:
    exporter = ServedMetrics(watch("crawlers"), watch(""))
    exporter.self_metrics.on_scrape(0.1, 5, Format.TEXT)
    done = subprocess.run(
        [edition.require("promtool"), "check", "metrics"],
        check=False,
        input=exporter.text().encode(),
        capture_output=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_openmetrics_ends_once_and_names_units_and_infos() -> None:
    text = ServedMetrics().text(Format.OPENMETRICS)
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    assert "# TYPE browsertrix_crawl info\n" in text
    assert "# UNIT browsertrix_crawl_size_bytes bytes\n" in text
    assert "# UNIT browsertrix_crawl_pages_done" not in text


def test_the_text_format_has_neither_units_nor_an_end_mark() -> None:
    text = ServedMetrics().text(Format.TEXT)
    assert "# UNIT" not in text
    assert "# EOF" not in text
    assert "# TYPE browsertrix_crawl_info gauge\n" in text
    assert "_created" not in text.replace("_created_timestamp_seconds", "")


def test_both_formats_have_the_same_sample_lines() -> None:
    exporter = ServedMetrics(exclude=["process_*", "python_*"])

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
    text = ServedMetrics().text(form, name)
    (header,) = headers(text)
    assert name.startswith(header.removesuffix("_total").removesuffix("_info"))
    assert any(not line.startswith("#") for line in text.splitlines())


def test_a_scrape_of_several_names_gets_them_all_in_order() -> None:
    text = ServedMetrics().text(
        Format.TEXT, "browsertrix_pod_evicted", "browsertrix_crawls", "nothing"
    )
    assert headers(text) == {"browsertrix_crawls", "browsertrix_pod_evicted"}


def test_unknown_names_select_nothing_and_stay_valid() -> None:
    exporter = ServedMetrics()
    assert exporter.text(Format.TEXT, "nothing") == ""
    assert exporter.text(Format.OPENMETRICS, "nothing") == "# EOF\n"


def test_excluded_families_are_neither_rendered_nor_served() -> None:
    exporter = ServedMetrics(
        exclude=["browsertrix_pod_*", "python_*", "browsertrix_exporter_watch*"]
    )
    shown = headers(exporter.text())
    assert not [n for n in shown if n.startswith(("browsertrix_pod_", "python_"))]
    assert "browsertrix_exporter_watches_total" not in shown
    assert "browsertrix_crawl_state" in shown


def test_includes_choose_and_excludes_win() -> None:
    exporter = ServedMetrics(
        include=["browsertrix_crawl_*", "process_open_fds"], exclude=["*_timestamp_*"]
    )
    shown = headers(exporter.text())
    assert "process_open_fds" in shown
    assert "browsertrix_crawl_scale" in shown
    assert not [n for n in shown if "timestamp" in n or n.startswith("browsertrix_pod_")]


def test_a_large_exposition_comes_in_moderate_chunks_that_are_whole_lines() -> None:
    exporter = ServedMetrics(crawls=3000)
    chunks = list(exporter.exposition.chunks(Format.TEXT, None, 2e9))
    assert max(map(len, chunks)) < 1024 * 1024
    assert all(chunk.endswith(b"\n") for chunk in chunks)


def test_an_empty_store_serves_headers_and_own_metrics() -> None:
    text = ServedMetrics(crawls=0).text()
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
