"""Shards: each object is in one of them, by a hash that Kubernetes has, too."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resources.claim import parse_json as parse_claim
from exporter.resources.pod import parse_json as parse_pod
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.resources.shard import EVERYTHING, Shard, fnv1a
from support.claim_factories import claim_wire
from support.factories import to_wire
from support.pod_factories import pod_wire

OWNER = {"kind": "CrawlJob", "name": "crawljob-x", "uid": "the-crawls", "controller": True}


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_the_hash_is_fnv_1a_with_64_bits(text: str, found: int) -> None:
    assert fnv1a(text) == found


@given(st.one_of(st.uuids().map(str), st.text()), st.integers(1, 50))
def test_each_uid_is_in_one_shard(uid: str, total: int) -> None:
    owners = [index for index in range(total) if Shard(index, total).owns(uid)]
    assert len(owners) == 1


@given(st.integers(1, 1000))
def test_the_ranges_leave_no_hash_out_and_are_alike(total: int) -> None:
    shards = [Shard(index, total) for index in range(total)]
    assert (shards[0].start, shards[-1].end) == (0, 2**64)
    assert all(one.end == other.start for one, other in pairwise(shards))
    sizes = {shard.end - shard.start for shard in shards}
    assert max(sizes) - min(sizes) <= 1


def test_a_shard_asks_for_its_range_and_one_alone_for_nothing() -> None:
    assert Shard(0, 2).selector == (
        "shardRange(object.metadata.uid, '0x0000000000000000', '0x8000000000000000')"
    )
    assert Shard(1, 2).selector == (
        "shardRange(object.metadata.uid, '0x8000000000000000', '0x10000000000000000')"
    )
    assert (EVERYTHING.selector, str(EVERYTHING), str(Shard(1, 3))) == ("", "", "1/3")


def test_a_pod_and_its_claim_are_of_the_crawl_that_controls_them() -> None:
    other = OWNER | {"uid": "another", "controller": False}
    metadata = {"ownerReferences": [other, OWNER]}
    pod = parse_pod(to_wire(pod_wire(metadata=metadata)))
    claim = parse_claim(to_wire(claim_wire(metadata=metadata)))
    assert pod.metadata.crawl_uid == claim.metadata.crawl_uid == "the-crawls"
    assert POD_RESOURCE.sharded_by(pod) == "the-crawls"
    assert not pod.problems


@pytest.mark.parametrize(
    "owners", [None, [], [OWNER | {"kind": "ReplicaSet"}], [OWNER | {"controller": None}]]
)
def test_a_pod_that_no_crawl_controls_is_in_every_shard(owners: object) -> None:
    pod = parse_pod(to_wire(pod_wire(metadata={"ownerReferences": owners})))
    assert pod.metadata.crawl_uid is None
    assert POD_RESOURCE.is_in(Shard(0, 2), pod)
    assert POD_RESOURCE.is_in(Shard(1, 2), pod)
