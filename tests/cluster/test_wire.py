"""What the API server says, read from its bytes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from exporter.cluster.wire import (
    Bookmark,
    InvalidLine,
    InvalidObject,
    Status,
    WatchEvent,
    WireDecoder,
    read_status,
)
from exporter.resources.crawljob import CrawlJob, InvalidObjectError
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from support.factories import crawljob, to_wire
from support.pod_metrics import pod_metrics, pod_metrics_list
from support.strategies import any_json, crawljobs, mutated_crawljobs

DECODER = WireDecoder(CRAWLJOB_RESOURCE)


def line(kind: Any, content: Any) -> bytes:
    return json.dumps({"type": kind, "object": content}).encode()


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_an_event_carries_a_crawljob(kind: str) -> None:
    event = DECODER.read_event(line(kind, crawljob()))
    assert isinstance(event, WatchEvent)
    assert event.type == kind
    assert event.object.status.state == "running"
    assert event.object.problems == ()


def test_a_malformed_field_costs_the_field_alone() -> None:
    event = DECODER.read_event(line("MODIFIED", crawljob(status={"pagesDone": "many"})))
    assert isinstance(event, WatchEvent)
    assert event.object.status.pages_done is None
    assert event.object.status.pages_found == 120
    assert [problem.field for problem in event.object.problems] == ["status.pagesDone"]


def test_a_bookmark_carries_a_version_alone() -> None:
    content = {"kind": "CrawlJob", "metadata": {"resourceVersion": "77"}}
    assert DECODER.read_event(line("BOOKMARK", content)) == Bookmark("77")


def test_an_error_event_carries_a_status() -> None:
    content = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    status = DECODER.read_event(line("ERROR", content))
    assert status == Status(410, "Expired", "too old")
    assert status.expired


@pytest.mark.parametrize(
    ("status", "expired"),
    [
        (Status(410), True),
        (Status(0, "Expired"), True),
        (Status(0, "Gone"), True),
        (Status(504, "Timeout", causes=("ResourceVersionTooLarge",)), True),
        (Status(500, "InternalError"), False),
        (Status(), False),
    ],
)
def test_a_version_that_cannot_be_served_is_expired(status: Status, expired: bool) -> None:
    assert status.expired is expired


@pytest.mark.parametrize(
    "content", [None, 5, "x", {"code": "410"}, {"details": []}, {"details": {"causes": [5]}}]
)
def test_a_malformed_status_is_read_as_far_as_it_goes(content: Any) -> None:
    assert read_status(content).code == 0


def test_a_status_of_many_lines_is_written_in_one() -> None:
    text = str(Status(500, "InternalError", "etcd\nleader  lost" + "x" * 1000))
    assert text.startswith("500 InternalError etcd leader lostxxx")
    assert len(text) == 300


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"type":"BOOKMARK"}',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":5}}}',
        b'{"type":["ADDED"],"object":{}}',
        b'{"type":"ADDED","object":{"metadata":\x00\xff',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_invalid(data: bytes) -> None:
    assert isinstance(DECODER.read_event(data), InvalidLine)


def test_an_event_of_an_unknown_type_is_invalid() -> None:
    assert isinstance(DECODER.read_event(line("RENAMED", crawljob())), InvalidLine)


def test_an_object_that_cannot_be_read_keeps_what_is_known_of_it() -> None:
    value = crawljob(metadata={"name": 5, "namespace": "crawlers", "resourceVersion": "8"})
    found = DECODER.read_event(line("DELETED", value))
    assert isinstance(found, InvalidObject)
    assert (found.namespace, found.name, found.version) == ("crawlers", "", "8")
    assert found.event_type == "DELETED"


@settings(max_examples=50)
@given(any_json())
def test_no_json_makes_reading_an_event_fail(value: Any) -> None:
    DECODER.read_event(to_wire({"type": "ADDED", "object": value}))
    DECODER.read_event(to_wire(value))


@settings(max_examples=50)
@given(mutated_crawljobs())
def test_a_mutated_crawljob_is_an_event_all_the_same(value: dict[str, Any]) -> None:
    event = DECODER.read_event(to_wire({"type": "MODIFIED", "object": value}))
    assert isinstance(event, WatchEvent)
    assert event.object.metadata.name == value["metadata"]["name"]


@settings(max_examples=20)
@given(crawljobs())
def test_the_fast_way_and_the_slow_way_read_the_same(value: dict[str, Any]) -> None:
    fast = DECODER.read_page(to_wire({"metadata": {"resourceVersion": "1"}, "items": [value]}))
    slow = DECODER.read_page(to_wire({"metadata": {"resourceVersion": "1"}, "items": [value, 5]}))
    assert next(iter(fast.items)) == next(iter(slow.items))


def test_a_page_has_objects_a_version_and_the_way_to_the_next() -> None:
    meta = {"resourceVersion": "12", "continue": "token", "remainingItemCount": 5}
    page = DECODER.read_page(json.dumps({"metadata": meta, "items": [crawljob()]}).encode())
    assert (page.metadata.version, page.metadata.more) == ("12", "token")
    assert [type(item) for item in page.items] == [CrawlJob]


def test_one_invalid_object_does_not_cost_the_page() -> None:
    items = [crawljob(crawl="a"), {"metadata": {"name": ""}}, 5, crawljob(crawl="b")]
    page = DECODER.read_page(
        json.dumps({"metadata": {"resourceVersion": "12"}, "items": items}).encode()
    )
    assert [type(item) for item in page.items] == [CrawlJob, InvalidObject, InvalidObject, CrawlJob]


def test_a_list_without_items_is_empty() -> None:
    page = DECODER.read_page(b'{"metadata":{"resourceVersion":"12"},"items":null}')
    assert list(page.items) == []


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"items":[]}', b'{"items":{},"metadata":{}}']
)
def test_a_reply_that_is_no_list_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(InvalidObjectError):
        DECODER.read_page(body)


# -- lists without a version

UNVERSIONED = WireDecoder(PODMETRICS_RESOURCE)


@pytest.mark.parametrize("items", [[], None, [pod_metrics("a")], [pod_metrics("a"), 5]])
def test_a_list_that_is_never_versioned_is_known_by_its_kind(items: Any) -> None:
    page = UNVERSIONED.read_page(to_wire(pod_metrics_list() | {"items": items}))
    assert page.metadata.version == ""
    names = [item.metadata.name for item in page.items if isinstance(item, PodMetrics)]
    assert names == (["a"] if items else [])


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"items":[]}',
        b'{"kind":"PodMetricsList"}',
        b'{"kind":"PodMetricsList","items":{}}',
        b'{"kind":"NodeMetricsList","items":[]}',
        b'{"kind":["PodMetricsList"],"items":[]}',
        b'{"kind":"PodMetrics","metadata":{"resourceVersion":"5"},"items":[]}',
    ],
)
def test_without_its_kind_it_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(InvalidObjectError, match=r"no PodMetricsList|no list"):
        UNVERSIONED.read_page(body)


@given(any_json())
def test_no_json_makes_reading_an_item_fail(value: Any) -> None:
    (found,) = UNVERSIONED.read_item(to_wire(value))
    assert isinstance(found, PodMetrics | InvalidObject)


def test_an_item_that_is_no_json_is_invalid() -> None:
    (found,) = UNVERSIONED.read_item(b'{"metadata":{')
    assert found == InvalidObject("not valid JSON at character 13")


def test_what_is_no_object_in_front_of_an_item_is_invalid_and_costs_nothing_else() -> None:
    found = list(UNVERSIONED.read_item(b'5, null ,"a",' + to_wire(pod_metrics("b"))))
    assert [type(item) for item in found] == [InvalidObject] * 3 + [PodMetrics]
