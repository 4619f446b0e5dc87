"""Every family of a volume: its sample, also where its pod is gone."""

from typing import Any

import pytest

from exporter.crawls import Crawl
from exporter.metrics.catalog.volume import VOLUME_FAMILIES
from exporter.resources.crawljob import parse_value
from support.catalog_samples import FAMILIES, POD, Samples
from support.claim_factories import claim
from support.factories import GIB, crawler_pod, crawljob
from support.reference_exposition import samples

OF_A_VOLUME: dict[str, Any] = {
    "info": (1.0, {"storage_class": "standard"}),
    "phase": (1.0, {"phase": "Bound"}),
    "requested_bytes": 25 * GIB,
    "capacity_bytes": 26 * GIB,
    "resize_pending": 0.0,
}


def samples_of_volume(state: str = "running", **parts: Any) -> Samples:
    job = parse_value(crawljob(status={"state": state}, pods={POD["pod"]: crawler_pod()}))
    found = samples(FAMILIES, [Crawl(job, volumes={POD["pod"]: claim(**parts)})])
    return {name: found[name] for name in found if name.startswith("browsertrix_volume_")}


def test_every_family_of_a_volume_is_in_this_table() -> None:
    declared = {family.name for family in VOLUME_FAMILIES}
    assert {f"browsertrix_volume_{name}" for name in OF_A_VOLUME} == declared


@pytest.mark.parametrize("state", ["running", "paused", "complete"])
@pytest.mark.parametrize("name", OF_A_VOLUME)
def test_a_claim_has_the_sample_as_long_as_it_is_there(name: str, state: str) -> None:
    expected = OF_A_VOLUME[name]
    value, labels = expected if isinstance(expected, tuple) else (expected, {})
    found = samples_of_volume(state)[f"browsertrix_volume_{name}"]
    assert found == [({**POD, **labels}, value)]


def test_a_claim_that_is_not_bound_has_no_capacity() -> None:
    found = samples_of_volume(status={"phase": "Pending", "capacity": None})
    assert found["browsertrix_volume_phase"] == [({**POD, "phase": "Pending"}, 1.0)]
    assert "browsertrix_volume_capacity_bytes" not in found


def test_a_resize_that_is_pending_is_1() -> None:
    conditions = [{"type": "FileSystemResizePending", "status": "True"}]
    found = samples_of_volume(status={"conditions": conditions})
    assert found["browsertrix_volume_resize_pending"] == [(POD, 1.0)]


@pytest.mark.parametrize("storage_class", [None, ""])
def test_a_claim_without_a_class_has_an_empty_one(storage_class: str | None) -> None:
    found = samples_of_volume(spec={"storageClassName": storage_class})
    assert found["browsertrix_volume_info"] == [({**POD, "storage_class": ""}, 1.0)]


def test_nothing_is_served_where_nobody_lists_claims() -> None:
    job = parse_value(crawljob(pods={POD["pod"]: crawler_pod()}))
    assert not {name for name in samples(FAMILIES, [Crawl(job)]) if "_volume_" in name}
