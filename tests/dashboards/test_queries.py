"""Variables are read from the JSON as Grafana reads them."""

from typing import Any

import pytest

from dashboards.queries import VariableQuery, variable_queries


def _dashboard(query: str, regex: str = "") -> dict[str, Any]:
    one = {"type": "query", "name": "v", "query": {"query": query}, "regex": regex}
    return {"title": "D", "templating": {"list": [{"type": "datasource"}, one]}}


def test_a_variable_lists_the_values_of_a_label() -> None:
    assert [*variable_queries(_dashboard('label_values(up{job=~"$job"}, instance)'))] == [
        VariableQuery("D / variable v", "v", 'up{job=~"$job"}', "instance")
    ]


def test_a_variable_may_show_another_label_than_its_value() -> None:
    found = variable_queries(
        _dashboard("query_result(a or b)", '/oid="(?<value>[^"]+)|slug="(?<text>[^"]+)/g')
    )
    assert [*found] == [VariableQuery("D / variable v", "v", "a or b", "oid", "slug")]


@pytest.mark.parametrize(
    ("query", "regex"),
    [("metrics(.+)", ""), ("query_result(a)", ""), ("query_result(a)", '/oid="(?<value>[^"]+)/')],
)
def test_another_kind_of_variable_is_refused(query: str, regex: str) -> None:
    with pytest.raises(ValueError, match="D / variable v"):
        [*variable_queries(_dashboard(query, regex))]
