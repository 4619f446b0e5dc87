"""What every dashboard keeps to: the rules of Grafana's dashboard-linter, and our own.

Two of the linter's rules are not followed, for a reason: ``job`` and ``instance`` select exporters,
so only the exporter's own dashboard has them, while all others show the cluster, which a pair of
exporters serves twice; and counts of events are differences rather than ``increase``
(``Selection.step_increase``), as windows that overlap show an event twice.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from dashboards.queries import panels
from exporter.resources.crawljob.derived import TRANSITIONS
from exporter.resources.crawljob.states import KNOWN_EXIT_REASONS, KNOWN_STATES, UNKNOWN_STATE
from exporter.web.colours import EXIT_REASONS, OUTCOMES, ROLES, STATES

Dashboard = dict[str, Any]

_UNITS: Final = {"short", "none", "bytes", "Bps", "s", "percentunit", "dateTimeAsIso"}
"""Ids of Grafana's value formats."""
_COLOUR: Final = re.compile(r"#[0-9A-F]{6}")


def _variables(dashboard: Dashboard) -> dict[str, Any]:
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def _overrides(panel: Dashboard) -> Iterator[tuple[str, str, Any]]:
    """Name of the field, name of the property, value."""
    for one in panel["fieldConfig"]["overrides"]:
        for item in one["properties"]:
            yield one["matcher"]["options"], item["id"], item["value"]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def test_the_data_source_can_be_chosen(dashboard: Dashboard) -> None:
    source = _variables(dashboard)["datasource"]
    assert source["type"] == "datasource"
    assert source["query"] == "prometheus"
    assert source["label"] == "Data source"


def test_every_query_goes_to_the_selected_data_source(dashboard: Dashboard) -> None:
    selected = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(dashboard):
        assert panel["datasource"] == selected, panel["title"]
        assert all(target["datasource"] == selected for target in panel["targets"]), panel["title"]
    for variable in _variables(dashboard).values():
        assert variable["type"] == "datasource" or variable["datasource"] == selected
    for event in dashboard["annotations"]["list"]:
        assert event.get("builtIn") == 1 or event["datasource"] == selected


def test_every_panel_says_what_it_shows(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["targets"], panel["title"]


def test_every_panel_has_a_unit_and_thresholds(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in _UNITS, panel["title"]
        levels = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert levels[0] is None, panel["title"]
        assert levels[1:] == sorted(levels[1:]), panel["title"]
        for _, name, value in _overrides(panel):
            if name == "unit":
                assert value in _UNITS, panel["title"]


def test_titles_and_queries_can_be_told_apart(dashboard: Dashboard) -> None:
    shown = [*panels(dashboard)]
    for panel in shown:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs), panel["title"]
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles), sorted(titles)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_variables_are_asked_anew_when_the_time_changes(dashboard: Dashboard) -> None:
    for variable in _variables(dashboard).values():
        if variable["type"] == "query":
            assert variable["refresh"] == 2, variable["name"]
            assert variable["label"], variable["name"]
            assert variable["query"]["query"] == variable["definition"]


def test_all_is_one_expression_however_many_there_are(dashboard: Dashboard) -> None:
    for variable in _variables(dashboard).values():
        if variable.get("includeAll"):
            assert variable["allValue"] == ".*", variable["name"]


def test_rates_fit_the_scrape_interval(dashboard: Dashboard) -> None:
    """A range is Grafana's, or so long that several scrapes are in it."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            for window in re.findall(r"\[(.+?)\]", target["expr"]):
                assert window in {
                    "$__rate_interval", "$__range", "$__range:1m", "10m", "1h",
                }, panel["title"]  # fmt: skip


def test_only_the_exporters_dashboard_has_job_and_instance_variables(dashboard: Dashboard) -> None:
    names = set(_variables(dashboard))
    assert ({"job", "instance"} <= names) == (dashboard["uid"] == "browsertrix-exporter")
    without = dashboard["uid"] in ("browsertrix-exporter", "browsertrix-workflows")
    assert ("namespace" in names) != without, "Browsertrix's API knows no namespaces"


def test_settings_and_links_are_the_same_on_all_dashboards(dashboard: Dashboard) -> None:
    assert dashboard["timezone"] == "utc"
    assert dashboard["graphTooltip"] == 1, "the crosshair is shared"
    assert dashboard["tags"] == ["browsertrix"]
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 42
    assert dashboard["title"].startswith("Browsertrix / ")
    assert dashboard["description"]
    assert dashboard["refresh"] == "1m"
    (link,) = dashboard["links"]
    assert link["type"] == "dashboards"
    assert link["tags"] == ["browsertrix"]
    assert link["includeVars"]
    assert link["keepTime"]


def test_the_built_in_annotation_is_first_and_all_others_have_texts(dashboard: Dashboard) -> None:
    built_in, *annotations = dashboard["annotations"]["list"]
    assert built_in["builtIn"] == 1
    over_time = [panel for panel in panels(dashboard) if panel["type"] == "timeseries"]
    assert annotations or not over_time
    for event in annotations:
        assert event["titleFormat"], event["name"]
        assert event["textFormat"], event["name"]
        assert event["useValueForTime"] == event["expr"].endswith("* 1000"), event["name"]


def test_nothing_overlaps_and_nothing_is_off_the_grid(dashboard: Dashboard) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in dashboard["panels"]]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["x"] + place["w"] <= 24, title
        assert place["w"] >= 3, title
        assert place["h"] >= 1, title
    for (one, a), (other, b) in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, f"{one} and {other}"


def test_no_cell_of_the_grid_is_left_empty(dashboard: Dashboard) -> None:
    filled = sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    assert filled == 24 * height


def test_rows_are_open_and_hold_nothing(dashboard: Dashboard) -> None:
    """Grafana drops what is in a row that is not collapsed."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            assert not panel["collapsed"]
            assert not panel["panels"]


def test_every_link_leads_to_a_dashboard_with_labels_that_the_row_has(
    dashboard: Dashboard, dashboards: dict[str, Dashboard]
) -> None:
    for panel in panels(dashboard):
        for _, name, links in _overrides(panel):
            if name != "links":
                continue
            columns = set(panel["transformations"][-1]["options"]["indexByName"])
            for link in links:
                match = re.match(r"/d/([\w-]+)\?\$\{__url_time_range\}&", link["url"])
                assert match is not None, link
                there = _variables(dashboards[match[1]])
                wanted = dict(re.findall(r"var-(\w+)=\$\{(?:__data\.fields\.)?(\w+)", link["url"]))
                assert set(wanted) <= set(there), link
                assert wanted.pop("datasource") == "datasource"
                assert set(wanted.values()) <= columns, panel["title"]


def test_every_table_of_crawls_leads_to_the_crawl(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        if panel["type"] == "table":
            columns = panel["transformations"][-1]["options"]["indexByName"]
            if "crawl" in columns:
                text = "".join(_strings(panel["fieldConfig"]))
                assert "/d/browsertrix-crawl?" in text, panel["title"]


def test_each_known_state_has_a_colour_of_its_own() -> None:
    assert set(STATES) == {*KNOWN_STATES, UNKNOWN_STATE}
    assert len(set(STATES.values())) == len(STATES)
    assert all(_COLOUR.fullmatch(colour) for colour in STATES.values())


def test_known_label_values_have_colours() -> None:
    assert {*KNOWN_EXIT_REASONS, "evicted", "other"} == set(EXIT_REASONS)
    assert set(OUTCOMES) == {"complete", "stopped", "failed", "canceled", "skipped", "other"}
    assert {"crawler", "redis"} <= set(ROLES)
    assert TRANSITIONS


def test_a_state_has_the_same_colour_on_every_panel(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        found = {
            field: value["fixedColor"]
            for field, name, value in _overrides(panel)
            if name == "color" and "fixedColor" in value
        }
        for state in set(found) & set(STATES) - {"failed"}:
            assert found[state] == STATES[state], panel["title"]
        if any(target.get("legendFormat") == "{{state}}" for target in panel["targets"]):
            assert set(STATES) <= set(found), panel["title"]


@pytest.mark.parametrize("address", ["grafana.net", "localhost", "127.0.0.1"])
def test_nothing_of_a_single_installation_is_in_a_file(dashboard: Dashboard, address: str) -> None:
    assert not [text for text in _strings(dashboard) if address in text]
