"""What is served of dedupe indexes: as long as their source vouches for them."""

from prometheus_client.parser import text_string_to_metric_families

from exporter.cluster.changes import Change
from exporter.metrics import IndexTable
from exporter.metrics.catalog.index import INDEX_FAMILIES
from support.factories import GIB, NAMESPACE, UPDATED_EPOCH
from support.index_factories import COLLECTION, index

LABELS = {"namespace": NAMESPACE, "oid": "org-1", "collection": COLLECTION}


def served(table: IndexTable) -> dict[str, list[tuple[dict[str, str], float]]]:
    text = b"".join(line for lines in table.lines(0.0).values() for line in lines).decode()
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_an_index_has_a_sample_of_every_family() -> None:
    table = IndexTable(INDEX_FAMILIES)
    table.on_change(Change(NAMESPACE, None, index()))
    table.on_synced(NAMESPACE, "1")
    assert served(table) == {
        "browsertrix_index_state": [({**LABELS, "state": "importing"}, 1.0)],
        "browsertrix_index_state_since_timestamp_seconds": [(LABELS, UPDATED_EPOCH)],
        "browsertrix_index_storage_used_bytes": [(LABELS, GIB)],
        "browsertrix_index_storage_capacity_bytes": [(LABELS, 3 * GIB)],
    }


def test_what_an_index_does_not_say_is_absent() -> None:
    table = IndexTable(INDEX_FAMILIES)
    nothing = {"state": "", "lastStateChangeAt": "", "storageUsed": None, "storageCapacity": None}
    table.on_change(Change(NAMESPACE, None, index(status=nothing)))
    table.on_synced(NAMESPACE, "1")
    assert served(table) == {}


def test_an_index_is_served_as_it_is_now_until_it_is_deleted() -> None:
    table = IndexTable(INDEX_FAMILIES)
    table.on_synced(NAMESPACE, "1")
    first, second = index(), index(status={"state": "ready"})
    table.on_change(Change(NAMESPACE, None, first))
    table.on_change(Change(NAMESPACE, first, second))
    assert served(table)["browsertrix_index_state"] == [({**LABELS, "state": "ready"}, 1.0)]
    table.on_change(Change(NAMESPACE, second, None, deleted=True))
    assert served(table) == {}


def test_nothing_is_served_before_the_list_is_complete_or_while_nobody_vouches_for_it() -> None:
    table = IndexTable(INDEX_FAMILIES)
    table.on_change(Change(NAMESPACE, None, index()))
    assert served(table) == {}
    table.on_synced(NAMESPACE, "1")
    assert len(served(table)) == 4
    table.on_unknown(NAMESPACE)
    assert served(table) == {}
    table.on_synced(NAMESPACE, "2")
    assert len(served(table)) == 4


def test_excluded_families_are_not_rendered() -> None:
    table = IndexTable(INDEX_FAMILIES[:1])
    table.on_change(Change(NAMESPACE, None, index()))
    table.on_synced(NAMESPACE, "1")
    assert list(served(table)) == ["browsertrix_index_state"]
