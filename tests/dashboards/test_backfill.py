"""Every query of every dashboard has a result, on a Prometheus backfilled with simulated crawls."""

from collections.abc import Callable
from typing import Any

import pytest

from dashboards.backfill import Prometheus
from dashboards.backfill.history import INSTANCE, JOB, NEW_ORGANISATION, UNKNOWN_ORGANISATION
from dashboards.backfill.prometheus import QueryError
from dashboards.queries import (
    ALL_SELECTED,
    SCRAPE_INTERVAL,
    DashboardQuery,
    annotation_queries,
    interpolate,
    panel_queries,
    variable_queries,
)

pytestmark = pytest.mark.slow("the first test waits for the backfill")

Dashboard = dict[str, Any]


def _run(prometheus: Prometheus, query: DashboardQuery, crawl: str) -> list[dict[str, Any]]:
    history = prometheus.history
    step = max(SCRAPE_INTERVAL, query.min_interval)
    span = history.end - history.start
    expr = interpolate(query.expr, span, step, ALL_SELECTED | {"crawl": crawl})
    try:
        if query.instant:
            return prometheus.query(expr)
        return prometheus.query_range(expr, history.start, history.end, step)
    except QueryError as error:
        pytest.fail(f"{query.where}: {error}\n{expr}")


def test_every_query_has_a_result_with_the_labels_that_are_shown(
    dashboard: Dashboard, prometheus: Prometheus, say: Callable[[str], None]
) -> None:
    """Of one crawl alone, not each has everything to show, with all its labels: another has."""
    history = prometheus.history
    one = dashboard["uid"] == "browsertrix-crawl"
    crawls = [history.showcase, *reversed(history.crawls)] if one else [".*"]
    queries = [*panel_queries(dashboard), *annotation_queries(dashboard)]
    empty = []
    for query in queries:
        for crawl in crawls:
            result = _run(prometheus, query, crawl)
            labels = {label for series in result for label in series["metric"]}
            if result and (query.in_table or query.labels <= labels):
                break
        else:
            empty.append(query.where)

    say(
        f"{dashboard['title']}: {len(queries) - len(empty)} of {len(queries)} "
        "queries of panels and annotations have a result"
    )
    assert not empty


def test_every_variable_offers_the_values_there_are(
    dashboard: Dashboard, prometheus: Prometheus
) -> None:
    history = prometheus.history
    offered = {}
    for variable in variable_queries(dashboard):
        selector = interpolate(variable.selector, 21600, 60, ALL_SELECTED)
        if variable.text:
            series = [one["metric"] for one in prometheus.query(selector)]
            assert len({one[variable.label] for one in series}) == len(series)
            offered[variable.name] = sorted(one.get(variable.text, "") for one in series)
            continue
        offered[variable.name] = prometheus.label_values(
            variable.label, selector, history.start, history.end
        )
    # Of CrawlJobs that Browsertrix does not know, by its id.
    unknown = [] if dashboard["uid"] == "browsertrix-workflows" else [""]
    expected = {
        "oid": [
            *unknown,
            "closed-example-archive",
            "default-org",
            "example-city-library",
            "museum-of-sample-art",
            "news-archive-of-examplia",
            "sample-university",
        ],
        "namespace": ["crawlers", "crawlers-eu"],
        "job": [JOB],
        "instance": [INSTANCE],
    }
    for name, values in offered.items():
        assert values == expected.get(name, values)
        assert values or name == "cluster", name  # there is one alone
    if "crawl" in offered:
        assert history.showcase in offered["crawl"]
        assert len(offered["crawl"]) >= 0.9 * len(set(history.crawls)), (
            "some exist for less than a scrape interval"
        )


@pytest.mark.parametrize(
    ("panel", "least", "most"),
    [
        ("Fleet / Running / A", 5, 20),
        ("Fleet / Malformed / A", 1, 1),
        ("Organisations / With crawls / A", 4, 4),
        ("Organisations / Known to Browsertrix / A", 6, 6),
        ("Organisations / Read-only / A", 1, 1),
        ("Organisations / Nearly used up / A", 1, 2),
        ("Organisations / Told / A", 0, 60),
        ("Exporter / Login / A", 0, 0),
        ("Exporter / Pause limit / A", 0, 0),
        ("Exporter / Last call / A", 0, 60),
        ("Exporter / Ends not on disk / A", 1, 20),
        ("Exporter / Synced / A", 1, 1),
        ("Exporter / Up for / A", 7 * 3600, 9 * 3600),
        ("Pods / Nearly out of space / A", 0, 0),
        ("Pods / Pending / A", 5, 5),
        ("Pods / Without a node / A", 3, 3),
        ("Pods / Without an image / A", 2, 2),
        ("Pods / Volumes to grow / A", 1, 1),
        ("Fleet / Pods without a node / A", 3, 3),
        ("Fleet / Operator silent for / A", 0, 120),
        ("Fleet / Sources missing / A", 0, 0),
    ],
)
def test_stats_show_what_was_simulated(
    dashboards: dict[str, Dashboard], prometheus: Prometheus, panel: str, least: float, most: float
) -> None:
    (query,) = [
        query
        for one in dashboards.values()
        for query in panel_queries(one)
        if query.where == f"Browsertrix / {panel}"
    ]
    (series,) = _run(prometheus, query, ".*")
    last = series["value"] if query.instant else series["values"][-1]
    assert least <= float(last[1]) <= most


def test_an_organisation_that_was_renamed_is_one_line_and_one_without_a_name_has_its_id(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    """It had another name for the first two of the six hours."""
    (query,) = [
        query
        for query in panel_queries(dashboards["browsertrix-orgs"])
        if query.where == "Browsertrix / Organisations / Crawls by organisation / A"
    ]
    lines = {one["metric"]["organisation"]: one for one in _run(prometheus, query, ".*")}
    assert {NEW_ORGANISATION, "Example City Library", UNKNOWN_ORGANISATION} <= set(lines)
    assert "Example Organisation 4" not in lines
    assert len(lines) == 5
    assert lines[NEW_ORGANISATION]["values"][0][0] < prometheus.history.start + 7200


def test_a_table_names_a_crawl_that_is_gone(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    (query,) = [
        query
        for query in panel_queries(dashboards["browsertrix-ended"])
        if query.where == "Browsertrix / Ended / Failed crawls / A"
    ]
    rows = _run(prometheus, query, ".*")
    assert rows
    for row in rows:
        assert row["metric"]["organisation"] not in ("", row["metric"]["oid"])
        assert row["metric"]["workflow"]


def test_step_increases_count_each_event_once(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    """The bars add up to the counter's own growth, whatever the steps are."""
    history = prometheus.history
    (query,) = [
        query
        for query in panel_queries(dashboards["browsertrix-pods"])
        if query.where == "Browsertrix / Pods / Exits by reason / A"
    ]
    first = history.start // 600 * 600 + 600
    expr = interpolate(query.expr, 21600, 600, ALL_SELECTED)
    bars = sum(
        float(value)
        for series in prometheus.query_range(expr, first + 600, history.end, 600)
        for _, value in series["values"]
    )
    total = prometheus.query_range("sum(browsertrix_pod_exits_total)", first, history.end, 600)
    counted = [float(value) for _, value in total[0]["values"]]
    assert bars == counted[-1] - counted[0] > 20


def test_the_showcase_crawl_has_every_annotation_but_its_end(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    found = {}
    for query in annotation_queries(dashboards["browsertrix-crawl"]):
        result = _run(prometheus, query, prometheus.history.showcase)
        found[query.where.rpartition("annotation ")[2]] = len(result)
    assert found.pop("End") == 0
    assert all(found.values()), found
    assert set(found) == {"Exits", "Evictions", "Restarts", "Pauses"}


def test_an_invalid_query_is_refused_with_the_reason(prometheus: Prometheus) -> None:
    with pytest.raises(QueryError, match="parse error"):
        prometheus.query("max by (")
