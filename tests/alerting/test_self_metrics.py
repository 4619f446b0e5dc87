"""Alerts sent and requests failed are counted for each Alertmanager from the start."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.alerting.client import REASONS
from exporter.alerting.notifier import Notifier, NotifierSettings
from exporter.history.ledger import Ledger
from exporter.metrics import SelfMetrics, catalog
from exporter.metrics.catalog.alerting import ALERTMANAGER_FAMILIES

PREFIX = "browsertrix_exporter_alertmanager_"


def served(*urls: str) -> dict[tuple[str, str, str], float]:
    """By name without the prefix, Alertmanager and reason."""
    ledger = Ledger.open()
    notifier = Notifier(NotifierSettings(urls=urls), ledger)
    own = SelfMetrics(catalog(), (), ledger, notifier)
    return {
        (
            sample.name.removeprefix(PREFIX),
            sample.labels["alertmanager"],
            sample.labels.get("reason", ""),
        ): sample.value
        for family in text_string_to_metric_families(generate_latest(own.registry).decode())
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


def test_every_counter_starts_at_zero_for_every_alertmanager() -> None:
    urls = ("http://one:9093", "https://other:9093/prefix")

    assert served(*urls) == {
        (name, url, reason): 0.0
        for url in urls
        for name, reason in (
            ("failing", ""),
            ("pending_alerts", ""),
            ("alerts_sent_total", ""),
            ("alerts_rejected_total", ""),
            *(("request_failures_total", reason) for reason in REASONS),
        )
    }


def test_without_alertmanagers_there_are_no_such_metrics() -> None:
    assert served() == {}
    assert all(family.name.startswith(PREFIX) for family in ALERTMANAGER_FAMILIES)
