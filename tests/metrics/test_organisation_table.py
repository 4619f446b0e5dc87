"""What is served of organisations: quotas, use by month, and what their CrawlJobs add meanwhile."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.metrics import BrowsertrixTables, catalog
from exporter.metrics.catalog import CATALOG
from exporter.metrics.catalog.polled import OrganisationFamily
from exporter.resources.browsertrix import Organisation, OrganisationCounts
from exporter.resources.crawljob import parse_json
from support.browsertrix_items import OID, PEOPLE, mutated_items, organisation_item
from support.factories import crawljob, to_wire
from support.polled_tables import items, served, text, values

JANUARY = 1768392000.0  # 2026-01-14 12:00 UTC
FEBRUARY = 1769904000.0
LABELS = {"oid": OID}


def tables(*scopes: str, **more: Any) -> BrowsertrixTables:
    return BrowsertrixTables(CATALOG, scopes, schedule=lambda callback: callback(), **more)


def polled(*wires: dict[str, Any], at: float = JANUARY, **more: Any) -> BrowsertrixTables:
    found = tables(**more)
    found.by_source["orgs"].on_polled(items(Organisation, *wires), at)
    return found


def crawl(number: int = 1, state: str = "running", **more: Any) -> Crawl:
    spec = more.pop("spec", {})
    sizes = {"size": 0, "filesAddedSize": 0, "sizePending": None}
    status = {"state": state} | sizes | more
    wire = crawljob(crawl=f"manual-{number}", spec={"oid": OID} | spec, status=status)
    return Crawl(parse_json(to_wire(wire)))


def test_an_organisation_has_a_sample_of_all_that_it_says() -> None:
    table = polled(organisation_item()).by_source["orgs"]
    assert served(table, JANUARY) == {
        "browsertrix_org_info": [({**LABELS, "name": "Library of X", "slug": "library-of-x"}, 1.0)],
        "browsertrix_org_stored_bytes": [
            ({**LABELS, "kind": "crawls"}, 800.0),
            ({**LABELS, "kind": "uploads"}, 100.0),
            ({**LABELS, "kind": "profiles"}, 20.0),
        ],
        "browsertrix_org_storage_used_bytes": [(LABELS, 920.0)],
        "browsertrix_org_storage_projected_bytes": [(LABELS, 920.0)],
        "browsertrix_org_storage_quota_bytes": [(LABELS, 1000.0)],
        "browsertrix_org_storage_usage_ratio": [(LABELS, 0.92)],
        "browsertrix_org_exec_month_seconds": [(LABELS, 3700.0)],
        "browsertrix_org_exec_previous_month_seconds": [(LABELS, 7200.0)],
        "browsertrix_org_billed_exec_seconds": [(LABELS, 3000.0)],
        "browsertrix_org_exec_quota_seconds": [(LABELS, 6000.0)],
        "browsertrix_org_exec_usage_ratio": [(LABELS, 0.5)],
        "browsertrix_org_crawls_running": [(LABELS, 0.0)],
        "browsertrix_org_crawls_queued": [(LABELS, 0.0)],
        "browsertrix_org_crawls_max": [(LABELS, 2.0)],
        "browsertrix_org_read_only": [(LABELS, 0.0)],
        "browsertrix_org_quota_reached": [
            ({**LABELS, "quota": "exec_minutes"}, 0.0),
            ({**LABELS, "quota": "storage"}, 0.0),
        ],
        "browsertrix_org_last_crawl_finished_timestamp_seconds": [(LABELS, 1768377600.0)],
    }


def test_what_is_unlimited_or_unknown_is_absent() -> None:
    table = polled({"id": OID}).by_source["orgs"]
    assert set(served(table, JANUARY)) == {
        "browsertrix_org_info",
        "browsertrix_org_crawls_running",
        "browsertrix_org_crawls_queued",
    }
    quotas = dict.fromkeys(organisation_item()["quotas"], 0)
    unlimited = served(polled(organisation_item(quotas=quotas)).by_source["orgs"], JANUARY)
    assert not {name for name in unlimited if "ratio" in name or "quota_" in name} - {
        "browsertrix_org_quota_reached"
    }
    assert "browsertrix_org_crawls_max" not in unlimited


def test_gifted_and_extra_seconds_are_there_where_such_a_quota_is() -> None:
    quotas = {"giftedExecMinutes": 5, "extraExecMinutes": 0}
    item = organisation_item(
        quotas=quotas, giftedExecSecondsAvailable=90, extraExecSecondsAvailable=7
    )
    found = served(polled(item).by_source["orgs"], JANUARY)
    assert found["browsertrix_org_gifted_exec_seconds_available"] == [(LABELS, 90.0)]
    assert "browsertrix_org_extra_exec_seconds_available" not in found


def test_the_month_is_the_one_of_the_scrape() -> None:
    used = {"2025-12": 1, "2026-01": 6000}
    item = organisation_item(crawlExecSeconds=used, monthlyExecSeconds=used)
    table = polled(item).by_source["orgs"]

    def figures(now: float) -> list[float]:
        found = served(table, now)
        names = ("exec_month_seconds", "exec_previous_month_seconds", "exec_usage_ratio")
        own = [found[f"browsertrix_org_{name}"][0][1] for name in names]
        return [*own, values(table, now, "browsertrix_org_quota_reached", "quota")["exec_minutes"]]

    assert figures(FEBRUARY - 1) == [6000, 1, 1, 1]
    assert figures(FEBRUARY) == [0, 6000, 0, 0]
    assert figures(FEBRUARY - 1) == [6000, 1, 1, 1]


def test_a_poll_after_the_month_changed_is_of_the_new_month() -> None:
    found = polled(organisation_item())
    table = found.by_source["orgs"]
    table.on_polled(items(Organisation, organisation_item()), FEBRUARY)
    assert served(table, FEBRUARY)["browsertrix_org_exec_month_seconds"] == [(LABELS, 0.0)]


def test_quotas_that_are_changed_or_removed_show_at_the_next_poll() -> None:
    table = polled(organisation_item()).by_source["orgs"]
    quotas = organisation_item()["quotas"]
    for minutes, ratio, reached in ((50, 1.0, 1.0), (0, None, 0.0)):
        changed = quotas | {"maxExecMinutesPerMonth": minutes}
        table.on_polled(items(Organisation, organisation_item(quotas=changed)), JANUARY)
        found = values(table, JANUARY, "browsertrix_org_exec_usage_ratio", "oid")
        assert found.get(OID) == ratio
        reached_now = values(table, JANUARY, "browsertrix_org_quota_reached", "quota")
        assert reached_now["exec_minutes"] == reached


def test_a_renamed_organisation_is_one_line_and_a_deleted_one_is_none() -> None:
    table = polled(organisation_item(), organisation_item(id="other")).by_source["orgs"]
    table.on_polled(items(Organisation, organisation_item(name="Archive of X")), JANUARY)
    names = [labels["name"] for labels, _ in served(table, JANUARY)["browsertrix_org_info"]]
    assert names == ["Archive of X"]
    assert "other" not in text(table, JANUARY)


def test_names_can_be_left_out() -> None:
    shown = text(polled(organisation_item(), names=False).by_source["orgs"], JANUARY)
    assert 'browsertrix_org_info{name="",oid="' in shown
    assert "ibrary" not in shown


def test_what_is_not_known_any_more_is_not_served() -> None:
    table = polled(organisation_item()).by_source["orgs"]
    table.on_unknown()
    assert text(table, JANUARY) == ""
    table.on_polled(items(Organisation, organisation_item()), JANUARY)
    assert len(served(table, JANUARY)) == 17


def test_crawls_that_have_not_ended_are_summed_as_they_change() -> None:
    found = polled(organisation_item())
    table, crawls = found.by_source["orgs"], found.crawls

    def figures() -> list[float]:
        names = ("crawls_running", "crawls_queued", "storage_projected_bytes")
        shown = served(table, JANUARY)
        return [shown[f"browsertrix_org_{name}"][0][1] for name in names]

    first = crawl(1, size=500, filesAddedSize=400, sizePending=90)
    crawls.on_change(Change("", None, first))
    assert figures() == [1, 0, 920 + 90]
    crawls.on_change(Change("", None, crawl(2, "waiting_org_limit")))
    crawls.on_change(Change("", None, crawl(3, "paused", size=70, filesAddedSize=50)))
    crawls.on_change(Change("", None, crawl(4, size=5, spec={"qaSourceCrawlId": "manual-1"})))
    assert figures() == [2, 1, 920 + 90 + 20 + 5]
    second = crawl(1, size=500, filesAddedSize=480, sizePending=20)
    crawls.on_change(Change("", first, second))
    assert figures() == [2, 1, 920 + 20 + 20 + 5]
    crawls.on_change(Change("", second, crawl(1, "complete", sizePending=20)))
    assert figures() == [1, 1, 920 + 20 + 5]
    for number in (2, 3, 4):
        crawls.on_change(Change("", crawl(number), crawl(number), deleted=True))
    assert figures() == [0, 0, 920]


def test_what_crawls_are_is_unknown_until_every_scope_is_complete() -> None:
    found = tables("a", "b")
    table = found.by_source["orgs"]
    table.on_polled(items(Organisation, organisation_item()), JANUARY)
    found.crawls.on_change(Change("a", None, crawl()))
    found.crawls.on_synced("a", "1")
    assert "browsertrix_org_crawls_running" not in served(table, JANUARY)
    found.crawls.on_synced("b", "1")
    assert served(table, JANUARY)["browsertrix_org_crawls_running"] == [(LABELS, 1.0)]


def test_what_was_archived_is_counted_by_kind() -> None:
    table = tables().by_source["org_counts"]
    wire = {"id": OID, "crawlCount": 7, "uploadCount": 2, "pageCount": 99, "profileCount": 1}
    table.on_polled(items(OrganisationCounts, wire), JANUARY)
    assert served(table, JANUARY) == {
        "browsertrix_org_archived_items": [
            ({**LABELS, "kind": "crawls"}, 7.0),
            ({**LABELS, "kind": "uploads"}, 2.0),
        ],
        "browsertrix_org_archived_pages": [(LABELS, 99.0)],
    }
    table.on_unknown()
    assert text(table, JANUARY) == ""


def test_families_that_are_excluded_cost_nothing() -> None:
    families = [one for one in catalog() if not isinstance(one, OrganisationFamily)]
    found = BrowsertrixTables(families, [])
    table = found.by_source["orgs"]
    table.on_polled(items(Organisation, organisation_item()), JANUARY)
    assert set(served(table, JANUARY)) == {
        "browsertrix_org_storage_projected_bytes",
        "browsertrix_org_crawls_running",
        "browsertrix_org_crawls_queued",
    }


def test_many_are_rendered_in_slices_and_shown_all_at_once() -> None:
    due: list[Any] = []
    found = BrowsertrixTables(CATALOG, [], schedule=due.append)
    table = found.by_source["orgs"]
    many = items(Organisation, *(organisation_item(id=f"org-{n}") for n in range(2000)))
    table.on_polled(many, JANUARY)
    assert due
    assert text(table, JANUARY) == ""
    while due:
        assert "browsertrix_org_info" not in served(table, JANUARY)
        due.pop(0)()
    assert len(served(table, JANUARY)["browsertrix_org_info"]) == 2000


@pytest.mark.parametrize("forget", [True, False])
def test_a_newer_poll_or_none_replaces_what_is_under_way(forget: bool) -> None:
    due: list[Any] = []
    table = BrowsertrixTables(CATALOG, [], schedule=due.append).by_source["orgs"]
    many = items(Organisation, *(organisation_item(id=f"org-{n}") for n in range(2000)))
    table.on_polled(many, JANUARY)
    if forget:
        table.on_unknown()
    else:
        table.on_polled(items(Organisation, organisation_item()), JANUARY)
    for callback in due:
        callback()
    shown = served(table, JANUARY).get("browsertrix_org_info", [])
    assert len(shown) == (0 if forget else 1)


@given(st.lists(mutated_items(organisation_item()), min_size=1, max_size=2))
def test_any_organisation_is_served_whole_and_without_people(wires: list[dict[str, Any]]) -> None:
    table = tables().by_source["orgs"]
    for wire in wires:
        table.on_polled(items(Organisation, wire), JANUARY)
    shown = text(table, FEBRUARY)
    assert not [one for one in PEOPLE if one in shown]
    for family in text_string_to_metric_families(shown):
        assert all(sample.labels["oid"] == OID for sample in family.samples)
