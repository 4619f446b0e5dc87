"""The rules as the chart renders them, in a real Prometheus: one fires, tuned as values say."""

import time
from pathlib import Path

import pytest
import yaml

from support.chart import only
from support.prometheus import prometheus
from support.scripted_exporter import ScriptedExporter, Series
from support.tools import Edition

pytestmark = pytest.mark.slow("waits for a real Prometheus")

CRAWL = 'namespace="crawlers",oid="org-1",crawl="manual-1"'


async def test_an_alert_of_the_chart_fires_with_its_labels(
    edition: Edition, tmp_path: Path
) -> None:
    values = {
        "rules": {"enabled": True},
        "alerts": {
            "labels": {"team": "archive"},
            "severities": {"BrowsertrixCrawlFailed": "critical"},
            "without": ["BrowsertrixPodEvicted"],
        },
    }
    rules = tmp_path / "chart.rules.yaml"
    rules.write_text(yaml.safe_dump(only("PrometheusRule", values)["spec"]))
    ended = time.time() - 60

    def series() -> Series:
        finished = f'{CRAWL},state="failed",stop_reason=""'
        return {f"browsertrix_crawl_finished_timestamp_seconds{{{finished}}}": ended}

    async with ScriptedExporter(series).serving() as exporter:
        configuration = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "browsertrix-exporter",
                    "honor_labels": True,
                    "static_configs": [{"targets": [exporter.url.removeprefix("http://")]}],
                }
            ],
        }
        async with prometheus(edition, configuration, tmp_path) as server:
            alert = 'alertname="BrowsertrixCrawlFailed",alertstate="firing"'
            await server.until(
                f'count(ALERTS{{{alert},{CRAWL},severity="critical",team="archive",event="true"}})',
                1,
            )
            groups = (await server.get("rules"))["groups"]

    loaded = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert "BrowsertrixPodEvicted" not in loaded
    assert "BrowsertrixCrawlFailed" in loaded
    assert "err" not in loaded.values()
