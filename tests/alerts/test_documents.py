"""Queries and rules that documents show: they use only metrics and labels that exist."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.resources.identity import CRAWL_LABELS
from support.promql import METRICS, TARGET, result_labels
from support.tools import ROOT, Edition

PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


def test_queries_use_only_metrics_and_labels_that_exist(page: str) -> None:
    for query in _queries(page):
        result_labels(query, METRICS)


def test_rules_use_only_metrics_and_labels_that_exist(page: str) -> None:
    for rule in _values(page, "expr"):
        result_labels(rule, METRICS)


def test_texts_of_rules_use_only_labels_that_identify_a_crawl(page: str) -> None:
    for text in _values(page, "description"):
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= set(CRAWL_LABELS)


def test_routes_group_by_labels_that_alerts_have(page: str) -> None:
    for labels in _values(page, "group_by"):
        assert set(labels) <= {"alertname", "cluster", *CRAWL_LABELS}


def test_samples_have_only_labels_that_exist(page: str) -> None:
    for metric, labels in re.findall(r"^(browsertrix_\w+)\{(.+)\} ", page, re.MULTILINE):
        assert set(re.findall(r"(\w+)=\"", labels)) <= METRICS[metric] - TARGET, metric


def test_the_readme_shows_a_rule_and_samples() -> None:
    """Otherwise the tests above would pass on whatever it shows instead."""
    assert list(_values(PAGES["README.md"], "expr"))
    assert "\nbrowsertrix_crawls{" in PAGES["README.md"]
    assert list(_values(PAGES[str(Path("docs", "alerts.md"))], "group_by"))


def test_the_shown_configuration_of_prometheus_is_one(edition: Edition, tmp_path: Path) -> None:
    shown = [
        yaml.safe_load(block)
        for page in PAGES.values()
        for block in _blocks(page, "yaml")
        if re.search(r"^ *(scrape_configs|rule_files):", block, re.MULTILINE)
    ]
    assert {part for one in shown for part in one} == {"scrape_configs", "rule_files"}
    shutil.copy(ROOT / "alerts" / "browsertrix.rules.yaml", tmp_path)
    for number, config in enumerate(shown):
        (tmp_path / f"{number}.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    ran = subprocess.run(
        [edition.require("promtool"), "check", "config", *sorted(tmp_path.glob("*.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("is valid prometheus config file") == len(shown)


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def _queries(text: str) -> list[str]:
    """The PromQL of a page; parts between empty lines are queries of their own, # begins a note."""
    bare = (re.sub(r"^#.*\n", "", block, flags=re.MULTILINE) for block in _blocks(text, "promql"))
    return [query for block in bare for query in block.split("\n\n") if query.strip()]


def _values(text: str, wanted: str) -> Iterator[Any]:
    """The values of a key, wherever it is in the YAML of a page."""

    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key == wanted)
            node = list(node.values())
        if isinstance(node, list):
            for part in node:
                yield from walk(part)

    for block in _blocks(text, "yaml"):
        yield from walk(yaml.safe_load(block))
