"""Every expression parses, and asks only for metrics and labels that exist."""

from typing import Any, Final

import pytest

from alerts import RECORDS
from dashboards.backfill.questions import (
    choices,
    event_questions,
    interpolated,
    panel_questions,
    panels,
)
from dashboards.promql import LABELS, Selection
from exporter.metrics import CATALOG
from support.promql import TARGET, QueryError, labels_of, served

Dashboard = dict[str, Any]

KNOWN: Final = (
    served(CATALOG)
    | {record.name: frozenset(record.labels) for record in RECORDS}
    | {
        "ALERTS": frozenset(
            {"alertname", "alertstate", "severity", "namespace", "oid", "crawl", "pod", "event"}
        )
    }
)
ANYTHING: Final = dict.fromkeys(("namespace", "oid", "crawl", "job", "instance"), ".*")


def _plain(expr: str) -> str:
    return interpolated(expr, 21600, 60, ANYTHING)


def test_panels_ask_for_what_exists_and_use_labels_that_come_out(dashboard: Dashboard) -> None:
    questions = [*panel_questions(dashboard), *event_questions(dashboard)]
    assert len(questions) > 10
    for question in questions:
        came = labels_of(_plain(question.expr), KNOWN)
        if not question.in_table:
            assert question.labels <= came, question.where


def test_the_queries_of_a_table_give_all_its_columns(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        if panel["type"] == "table":
            came = [labels_of(_plain(target["expr"]), KNOWN) for target in panel["targets"]]
            columns = panel["transformations"][-1]["options"]["indexByName"]
            wanted = {name for name in columns if not name.startswith("Value")}
            assert wanted <= frozenset.union(*came), panel["title"]
            assert frozenset.intersection(*came), f"{panel['title']}: nothing to merge by"


def test_variables_choose_from_labels_that_exist(dashboard: Dashboard) -> None:
    for choice in choices(dashboard):
        assert choice.label in labels_of(_plain(choice.selector), KNOWN), choice.where


def test_variables_only_depend_on_those_before_them(dashboard: Dashboard) -> None:
    given: dict[str, str] = {}
    for choice in choices(dashboard):
        interpolated(choice.selector, 3600, 60, given)
        given[choice.name] = ".*"


def test_a_pair_of_exporters_is_merged(dashboard: Dashboard) -> None:
    """Their series differ in ``instance``, which nothing may come out with but their own panels."""
    if dashboard["uid"] != "browsertrix-exporter":
        for question in panel_questions(dashboard):
            came = labels_of(_plain(question.expr), KNOWN)
            assert not came & TARGET, question.where


def test_a_selection_matches_only_labels_that_a_metric_has() -> None:
    selection = Selection(namespace='namespace=~"$namespace"', crawl='crawl="$crawl"')
    assert selection.of("browsertrix_crawls", 'state="failed"') == (
        'browsertrix_crawls{namespace=~"$namespace", state="failed"}'
    )
    assert selection.merged("browsertrix_crawl_scale") == (
        "max by (namespace, oid, crawl) "
        '(browsertrix_crawl_scale{namespace=~"$namespace", crawl="$crawl"})'
    )
    with pytest.raises(KeyError):
        selection.of("browsertrix_crawl_sizes")


def test_the_labels_known_are_those_served() -> None:
    assert {name: frozenset(labels) | TARGET for name, labels in LABELS.items()}.items() <= (
        KNOWN.items()
    )


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("topk(3, browsertrix_crawls)", {"namespace", "state", *TARGET}),
        ("topk by (state) (1, browsertrix_crawls)", {"namespace", "state", *TARGET}),
        ('count_values("share", browsertrix_crawls)', {"share"}),
        ('label_replace(sum(browsertrix_crawls), "le", "1", "", "")', {"le"}),
        ('count_values by (state) ("share", browsertrix_crawls)', {"share", "state"}),
    ],
)
def test_labels_of_aggregations_are_known(expression: str, labels: set[str]) -> None:
    assert labels_of(expression, KNOWN) == labels


def test_a_metric_that_does_not_exist_is_found_out() -> None:
    with pytest.raises(QueryError, match="there is no metric browsertrix_crawl"):
        labels_of("browsertrix_crawl", KNOWN)
    with pytest.raises(KeyError):
        interpolated("up[$__interval_ms]", 1, 1, {})
