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
    assert not found.status.resizing


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
    assert claim(status={"conditions": conditions}).status.resizing is expected


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
