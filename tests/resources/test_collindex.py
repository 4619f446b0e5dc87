"""A dedupe index as it is read."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given

from exporter.resources.collindex import CollIndex, parse_value
from exporter.resources.collindex.resource import COLLINDEX_RESOURCE
from exporter.resources.decoding import InvalidObjectError
from support.factories import GIB, UPDATED_EPOCH
from support.index_factories import COLLECTION, index, index_wire
from support.strategies import hostile_json, mutated_objects


def test_where_it_stands_is_read() -> None:
    found = index()
    assert (found.status.state, found.status.state_changed_at) == ("importing", UPDATED_EPOCH)
    assert (found.status.storage_used, found.status.storage_capacity) == (GIB, 3 * GIB)


def test_its_collection_and_organisation_are_found_wherever_they_are_said() -> None:
    assert (index().collection, index().org) == (COLLECTION, "org-1")
    by_label = index(spec={"id": None, "oid": None})
    assert (by_label.collection, by_label.org) == (COLLECTION, "org-1")
    bare = parse_value({"metadata": {"name": "collindex-x"}})
    assert (bare.collection, bare.org) == ("collindex-x", "")


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"storageUsed": "lots"}, "status.storageUsed"),
        ({"lastStateChangeAt": "soon"}, "status.lastStateChangeAt"),
        ({"state": ["ready"]}, "status.state"),
    ],
)
def test_a_bad_value_costs_its_field_and_is_reported(status: dict[str, Any], field: str) -> None:
    found = index(status=status)
    assert [problem.field for problem in found.problems] == [field]


def test_a_state_of_a_newer_release_is_kept_and_counted() -> None:
    newer = index(status={"state": "compacting"})
    assert newer.status.state == "compacting"
    assert list(COLLINDEX_RESOURCE.unknown_values(newer)) == [("status.state", "compacting")]
    assert list(COLLINDEX_RESOURCE.unknown_values(index())) == []


@given(mutated_objects(index_wire()) | hostile_json())
def test_whatever_it_is_it_is_read_or_refused_readably(wire: Any) -> None:
    with suppress(InvalidObjectError):
        assert isinstance(parse_value(wire), CollIndex)
