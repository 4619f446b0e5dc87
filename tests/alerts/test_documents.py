"""Queries and rules that documents show: they use only metrics and labels that exist."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from exporter.resources.identity import CRAWL_LABELS
from support.documents import PAGES, queries, snippets_of
from support.promql import METRICS, TARGET, result_labels


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    """A page's path."""
    return str(request.param)


def test_queries_use_only_metrics_and_labels_that_exist(page: str) -> None:
    for snippet in snippets_of(page):
        for query in queries(snippet.text) if snippet.language == "promql" else ():
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
    for metric, labels in re.findall(r"^(browsertrix_\w+)\{(.+)\} ", PAGES[page], re.MULTILINE):
        assert set(re.findall(r"(\w+)=\"", labels)) <= METRICS[metric] - TARGET, metric


def test_the_readme_shows_a_rule_and_samples() -> None:
    """Otherwise the tests above would pass on whatever it shows instead."""
    assert list(_values("README.md", "expr"))
    assert "\nbrowsertrix_crawls{" in PAGES["README.md"]
    assert list(_values("docs/alerts.md", "group_by"))


def _values(page: str, wanted: str) -> Iterator[Any]:
    """The values of a key, wherever it is in the YAML of a page."""

    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key == wanted)
            node = list(node.values())
        if isinstance(node, list):
            for part in node:
                yield from walk(part)

    for snippet in snippets_of(page):
        if snippet.language == "yaml":
            yield from walk(yaml.safe_load(snippet.text))
