"""The claim of a volume as it is read."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given

from exporter.resources.claim import Claim, parse_json, parse_value
from exporter.resources.decoding import InvalidObjectError
from support.claim_factories import claim, claim_wire
from support.factories import GIB, to_wire
from support.strategies import hostile_json, mutated_objects


def test_what_was_asked_for_and_what_there_is() -> None:
    found = claim()
    assert found.spec.resources.requests.storage == 25 * GIB
    assert found.status.capacity.storage == 26 * GIB
    assert (found.status.phase, found.spec.storage_class_name) == ("Bound", "standard")
    assert found.resize_pending is False


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], False),
        ([{"type": "Resizing", "status": "True"}], True),
        ([{"type": "FileSystemResizePending", "status": "True"}], True),
        ([{"type": "FileSystemResizePending", "status": "False"}], False),
        ([{"type": "ModifyingVolume", "status": "True"}], False),
    ],
)
def test_a_volume_that_is_to_become_larger_says_so(conditions: Any, expected: bool) -> None:
    assert claim(status={"conditions": conditions}).resize_pending is expected


@pytest.mark.parametrize(
    ("requested", "capacity", "expected"),
    [
        ("25Gi", "25Gi", False),
        ("25Gi", "26Gi", False),
        ("26Gi", "25Gi", True),
        ("26843545600", "25Gi", False),
        ("25G", "25Gi", False),
        ("lots", "25Gi", False),
        ("25Gi", None, False),
    ],
)
def test_a_volume_smaller_than_what_is_asked_for_is_to_become_larger(
    requested: str, capacity: str | None, expected: bool
) -> None:
    """Its driver says so later than the request, or never where it cannot do it."""
    found = claim(
        spec={"resources": {"requests": {"storage": requested}}},
        status={"capacity": {"storage": capacity}},
    )
    assert found.resize_pending is expected


@pytest.mark.parametrize(
    "status",
    [
        {"conditions": [{"type": "Resizing", "status": "True"},
                        {"type": "ControllerResizeError", "status": "True"}]},
        {"allocatedResourceStatuses": {"storage": "NodeResizeInfeasible"},
         "conditions": [{"type": "FileSystemResizePending", "status": "True"},
                        {"type": "NodeResizeError", "status": "True"}]},
        {"allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"},
         "conditions": [{"type": "ControllerResizeError", "status": "True"}]},
    ],
)  # fmt: skip
def test_a_resize_that_fails_is_pending_all_the_same(status: dict[str, Any]) -> None:
    found = claim(spec={"resources": {"requests": {"storage": "40Gi"}}}, status=status)
    assert found.resize_pending is True


def test_a_claim_without_a_phase_says_nothing_of_a_resize() -> None:
    assert claim(status={"phase": None}).resize_pending is None


@pytest.mark.parametrize("storage_class", [None, ""])
def test_a_claim_may_have_no_class_and_no_volume(storage_class: str | None) -> None:
    found = claim(
        metadata={"deletionTimestamp": "2025-05-21T12:00:00Z"},
        spec={"storageClassName": storage_class, "volumeName": None},
        status={"phase": "Lost"},
    )
    assert (found.spec.storage_class_name, found.status.phase) == (storage_class, "Lost")
    assert found.problems == ()


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"spec": {"resources": {"requests": {"storage": "lots"}}}},
         "spec.resources.requests.storage"),
        ({"status": {"capacity": {"storage": -1}}}, "status.capacity.storage"),
        ({"status": {"phase": 5}}, "status.phase"),
        ({"status": {"conditions": {}}}, "status.conditions"),
    ],
)  # fmt: skip
def test_a_bad_value_costs_its_field_and_is_reported(parts: dict[str, Any], field: str) -> None:
    found = claim(**parts)
    assert [problem.field for problem in found.problems] == [field]


@given(mutated_objects(claim_wire()) | hostile_json())
def test_whatever_it_is_it_is_read_or_refused_readably(wire: Any) -> None:
    with suppress(InvalidObjectError):
        assert isinstance(parse_value(wire), Claim)


def test_it_is_read_from_bytes() -> None:
    assert parse_json(to_wire(claim_wire())) == claim()
