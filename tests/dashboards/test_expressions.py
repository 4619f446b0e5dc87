"""Every expression parses, and uses only metrics and labels that exist."""

from typing import Any, Final

import pytest

from dashboards.promql import LABELS, Selection
from dashboards.queries import (
    ALL_SELECTED,
    annotation_queries,
    interpolate,
    panel_queries,
    panels,
    variable_queries,
)
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS
from exporter.rules.promql import EXPORTER
from support.promql import METRICS, TARGET, QueryError, result_labels

Dashboard = dict[str, Any]

WITH_ALERTS: Final = METRICS | {
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "event", "cluster", *POD_LABELS}),
}


def _plain(expr: str) -> str:
    return interpolate(expr, 21600, 60, ALL_SELECTED)


def test_queries_use_what_exists_and_result_in_the_labels_shown(dashboard: Dashboard) -> None:
    queries = [*panel_queries(dashboard), *annotation_queries(dashboard)]
    assert len(queries) > 10
    for query in queries:
        labels = result_labels(_plain(query.expr), WITH_ALERTS)
        if not query.in_table:
            assert query.labels <= labels, query.where


def test_the_queries_of_a_table_give_all_its_columns(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        if panel["type"] == "table":
            labels = [
                result_labels(_plain(target["expr"]), WITH_ALERTS) for target in panel["targets"]
            ]
            columns = panel["transformations"][-1]["options"]["indexByName"]
            wanted = {name for name in columns if not name.startswith("Value")}
            assert wanted <= frozenset.union(*labels), panel["title"]
            assert frozenset.intersection(*labels), f"{panel['title']}: nothing to merge by"


def test_variables_offer_labels_that_exist(dashboard: Dashboard) -> None:
    for variable in variable_queries(dashboard):
        assert variable.label in result_labels(_plain(variable.selector), WITH_ALERTS), (
            variable.where
        )


def test_variables_only_depend_on_those_before_them(dashboard: Dashboard) -> None:
    given: dict[str, str] = {}
    for variable in variable_queries(dashboard):
        interpolate(variable.selector, 3600, 60, given)
        given[variable.name] = ".*"


def test_a_pair_of_exporters_is_merged(dashboard: Dashboard) -> None:
    """Their series differ in ``instance``, a label only panels on exporters may result in."""
    if dashboard["uid"] != "browsertrix-exporter":
        for query in panel_queries(dashboard):
            labels = result_labels(_plain(query.expr), WITH_ALERTS)
            assert not labels & set(EXPORTER), query.where


def test_a_selection_matches_only_labels_that_a_metric_has() -> None:
    selection = Selection(namespace='namespace=~"$namespace"', crawl='crawl="$crawl"')
    assert selection.selector("browsertrix_crawls", 'state="failed"') == (
        'browsertrix_crawls{cluster=~"$cluster", namespace=~"$namespace", state="failed"}'
    )
    assert selection.merged("browsertrix_crawl_scale") == (
        "max by (cluster, namespace, oid, crawl) "
        '(browsertrix_crawl_scale{cluster=~"$cluster", namespace=~"$namespace", crawl="$crawl"})'
    )
    with pytest.raises(KeyError):
        selection.selector("browsertrix_crawl_sizes")


def test_a_count_takes_the_higher_one_of_a_pair() -> None:
    selection = Selection(namespace='namespace=~"$namespace"')
    assert selection.count(
        "browsertrix_pod_container_restarts", 'pod=~"crawl.+"', labels=("oid",), only="> 0"
    ) == (
        "sum by (cluster, oid) (max by (cluster, namespace, oid, shard) ("
        "count by (cluster, namespace, oid, job, instance) ("
        'browsertrix_pod_container_restarts{cluster=~"$cluster", namespace=~"$namespace", '
        'pod=~"crawl.+"} > 0) * on (cluster, job, instance) group_left (shard) '
        "max by (cluster, job, instance, shard) (browsertrix_exporter_total_shards ^ 0)))"
    )


def test_what_shards_count_is_added_up() -> None:
    selection = Selection(namespace='namespace=~"$namespace"')
    series = 'browsertrix_crawls{cluster=~"$cluster", namespace=~"$namespace"}'
    assert selection.merged("browsertrix_crawls", labels=("state",)) == (
        "max by (cluster, state) (sum by (cluster, state, total_shards) "
        f"(max by (cluster, state, shard, total_shards) ({series})))"
    )
    grown = 'increase(browsertrix_pod_evictions_total{cluster=~"$cluster", namespace=~"$namespace"}'
    assert selection.increase("browsertrix_pod_evictions_total", over="1h") == (
        "sum by (cluster, namespace, role) "
        f"(max by (cluster, namespace, role, shard) ({grown}[1h])))"
    )


def test_what_label_replace_has_matched_is_no_variable() -> None:
    expression = 'label_replace(up, "pod", "$1", "x", "$name(.+)")'
    assert interpolate(expression, 1, 1, {"name": "a"}) == (
        'label_replace(up, "pod", "$1", "x", "a(.+)")'
    )


def test_labels_of_samples_are_those_served() -> None:
    of_shards = {"shard", "total_shards"}
    served = {name: labels - of_shards for name, labels in WITH_ALERTS.items()}
    own = {name: frozenset(labels) | TARGET for name, labels in LABELS.items()}
    del own["browsertrix_exporter_total_shards"]  # of which the shard is its own
    assert own.items() <= served.items()


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("topk(3, browsertrix_crawl_state)", {*CRAWL_LABELS, "state", *TARGET}),
        ("topk by (state) (1, browsertrix_crawl_state)", {*CRAWL_LABELS, "state", *TARGET}),
        ('count_values("share", browsertrix_crawls)', {"share"}),
        ('label_replace(sum(browsertrix_crawls), "le", "1", "", "")', {"le"}),
        ('count_values by (state) ("share", browsertrix_crawls)', {"share", "state"}),
    ],
)
def test_labels_of_aggregations_are_known(expression: str, labels: set[str]) -> None:
    assert result_labels(expression, WITH_ALERTS) == labels


def test_a_metric_or_variable_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(QueryError, match="there is no metric browsertrix_crawl"):
        result_labels("browsertrix_crawl", WITH_ALERTS)
    with pytest.raises(KeyError):
        interpolate("up[$__interval_ms]", 1, 1, {})
