"""A CrawlJob is read whole; what is absent, null or unreadable is kept distinct.

Long for its tables: every field of the wire is in one of them.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.resources.crawljob import CrawlJob, InvalidObjectError, parse_json, parse_value
from exporter.resources.decoding import decode
from support.factories import (
    ABSENT,
    CID,
    CRAWL_ID,
    GIB,
    NAMESPACE,
    OID,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    replaced,
    to_wire,
)


def read(value: Any) -> CrawlJob:
    return parse_json(to_wire(value))


def test_a_full_crawljob_is_read_without_a_problem() -> None:
    job = read(crawljob())

    assert job.problems == ()
    assert job.metadata.name == f"crawljob-{CRAWL_ID}"
    assert job.metadata.namespace == NAMESPACE
    assert job.metadata.uid == f"uid-crawlers-{CRAWL_ID}"
    assert job.metadata.resource_version == "1000"
    assert job.metadata.creation_timestamp == UPDATED_EPOCH - 960
    assert job.metadata.deletion_timestamp is None
    assert (job.metadata.labels.crawl, job.metadata.labels.role) == (CRAWL_ID, "job")
    assert (job.metadata.labels.org, job.metadata.labels.storage) == (OID, "default")
    assert (job.spec.cid, job.spec.oid, job.spec.scale) == (CID, OID, 3)
    assert (job.spec.max_crawl_size, job.spec.timeout) == (100 * GIB, 7200)
    assert job.spec.manual is True
    assert job.spec.is_single_page is False
    assert job.spec.storage_filename == "archive.wacz"
    assert job.spec.paused_at is None
    assert (job.status.state, job.status.stop_reason) == ("running", None)
    assert (job.status.pages_found, job.status.pages_done) == (120, 45)
    assert (job.status.crawl_exec_time, job.status.elapsed_crawl_time) == (2700, 900)
    assert job.status.last_updated_time == UPDATED_EPOCH
    pod = job.status.pod_status[f"crawl-{CRAWL_ID}-0"]
    assert (pod.allocated.memory, pod.allocated.cpu) == (2 * GIB, 1.5)
    assert (pod.used.storage, pod.last_workers, pod.size_pending) == (5 * GIB, 2, 1024)


EVERY_FIELD: list[tuple[tuple[str, ...], Any, str, Any]] = [
    (("metadata", "deletionTimestamp"), "2025-05-21T12:00:00Z", "deletion_timestamp", 1747828800),
    (("metadata", "labels", "dedupe_coll_id"), "c1", "labels.dedupe_coll_id", "c1"),
    (("spec", "id"), "x", "id", "x"),
    (("spec", "userid"), "u", "userid", "u"),
    (("spec", "browserWindows"), 4, "browser_windows", 4),
    (("spec", "manual"), "0", "manual", False),
    (("spec", "ttlSecondsAfterFinished"), 0, "ttl_seconds_after_finished", 0),
    (("spec", "stopping"), True, "stopping", True),
    (("spec", "pausedAt"), "2025-05-21T12:00:00Z", "paused_at", UPDATED_EPOCH),
    (("spec", "restartTime"), "2025-05-21T12:00:00Z", "restart_time", UPDATED_EPOCH),
    (("spec", "lastConfigUpdate"), "when", "last_config_update", "when"),
    (("spec", "crawlerChannel"), "beta", "crawler_channel", "beta"),
    (("spec", "profile_filename"), "p.tar.gz", "profile_filename", "p.tar.gz"),
    (("spec", "qaSourceCrawlId"), "manual-1", "qa_source_crawl_id", "manual-1"),
    (("spec", "warcPrefix"), "w", "warc_prefix", "w"),
    (("spec", "storageName"), "s3", "storage_name", "s3"),
    (("spec", "proxyId"), None, "proxy_id", None),
    (("spec", "profileId"), "None", "profile_id", "None"),
    (("spec", "dedupeCollId"), "d", "dedupe_coll_id", "d"),
    (("spec", "isSinglePage"), "1", "is_single_page", True),
    (("spec", "seedFileUrl"), "s", "seed_file_url", "s"),
    (("status", "size"), 7, "size", 7),
    (("status", "sizeHuman"), "7 B", "size_human", "7 B"),
    (("status", "sizePending"), 7, "size_pending", 7),
    (("status", "scale"), 0, "scale", 0),
    (("status", "desiredScale"), 2, "desired_scale", 2),
    (("status", "filesAdded"), 3, "files_added", 3),
    (("status", "filesAddedSize"), 9, "files_added_size", 9),
    (("status", "finished"), "2025-05-21T12:00:00Z", "finished", UPDATED_EPOCH),
    (("status", "stopping"), True, "stopping", True),
    (("status", "stopReason"), "size-limit", "stop_reason", "size-limit"),
    (("status", "initRedis"), False, "init_redis", False),
    (("status", "crawlerImage"), "i:1", "crawler_image", "i:1"),
    (("status", "lastConfigUpdate"), "when", "last_config_update", "when"),
    (("status", "lastActiveTime"), "", "last_active_time", None),
    (("status", "restartTime"), "2025-05-21T12:00:00Z", "restart_time", UPDATED_EPOCH),
    (("status", "canceled"), True, "canceled", True),
    (("status", "rateLimitedAtTime"), "2025-05-21T12:00:00Z", "rate_limited_at_time", 1747828800),
    (("status", "lastCrawlPodExitCode"), 137, "last_crawl_pod_exit_code", 137),
    (("status", "allCrashed"), True, "all_crashed", True),
]


@pytest.mark.parametrize(("path", "wire", "attribute", "value"), EVERY_FIELD)
def test_every_field_is_read_under_its_wire_name(
    path: tuple[str, ...], wire: Any, attribute: str, value: Any
) -> None:
    job = read(replaced(crawljob(), path, wire))

    found: Any = getattr(job, path[0])
    for step in attribute.split("."):
        found = getattr(found, step)
    assert found == value
    assert job.problems == ()


@pytest.mark.parametrize(
    ("key", "wire", "attribute", "value"),
    [
        ("newMemory", 3 * GIB, "new_memory", 3 * GIB),
        ("newCpu", 2, "new_cpu", 2),
        ("newStorage", "13Gi", "new_storage", 13 * GIB),
        ("exitTime", "2025-05-21T12:00:00Z", "exit_time", UPDATED_EPOCH),
        ("exitCode", -1, "exit_code", -1),
        ("reason", "interrupt: 11", "reason", "interrupt: 11"),
        ("signalAtMem", 5, "signal_at_mem", 5),
        ("evicted", True, "evicted", True),
        ("backoffWait", True, "backoff_wait", True),
        ("lastWorkers", 4, "last_workers", 4),
        ("sizePending", 0, "size_pending", 0),
    ],
)
def test_every_field_of_a_pod_is_read(key: str, wire: Any, attribute: str, value: Any) -> None:
    job = read(crawljob(pods={"crawl-x-0": crawler_pod(**{key: wire})}))

    assert getattr(job.status.pod_status["crawl-x-0"], attribute) == value
    assert job.problems == ()


def test_a_freshly_added_crawljob_has_no_status_and_is_starting() -> None:
    job = read(replaced(crawljob(), ("status",), ABSENT))

    assert job.status.state == "starting"
    assert job.status.pod_status == {}
    assert job.status.pages_found is None
    assert job.problems == ()


def test_null_is_unknown_and_no_problem() -> None:
    job = read(crawljob(status={"state": None, "pagesFound": None, "podStatus": None}))

    assert job.status.state is None
    assert job.status.pages_found is None
    assert job.status.pod_status == {}
    assert job.problems == ()


@pytest.mark.parametrize("part", ["spec", "status"])
def test_a_part_that_is_null_is_like_an_absent_one(part: str) -> None:
    given_null = read(replaced(crawljob(), (part,), None))
    given_none = read(replaced(crawljob(), (part,), ABSENT))

    assert given_null == given_none
    assert given_null.problems == ()


@pytest.mark.parametrize("value", [3, "running", [], True])
def test_a_status_that_is_no_object_leaves_the_state_unknown(value: Any) -> None:
    job = read(replaced(crawljob(), ("status",), value))

    assert job.status.state is None
    assert [problem.field for problem in job.problems] == ["status"]
    assert job.spec.cid == CID


def test_null_pods_and_resources_are_unknown_and_no_problem() -> None:
    job = read(crawljob(pods={"crawl-x-0": None, "crawl-x-1": crawler_pod(used=None)}))

    assert job.status.pod_status["crawl-x-0"].allocated.memory is None
    assert job.status.pod_status["crawl-x-1"].used.memory is None
    assert job.status.pod_status["crawl-x-1"].allocated.memory == 2 * GIB
    assert job.problems == ()


def test_unknown_fields_are_ignored() -> None:
    pod = crawler_pod(percent={"memory": 0.5}, isNewExit="?")
    wire = crawljob(spec={"selector": [1]}, status={"newer": {"a": 1}}, pods={"crawl-x-0": pod})

    assert read(wire).problems == ()


def test_problems_are_never_taken_from_the_wire() -> None:
    assert read({**crawljob(), "problems": [{"field": "a", "kind": "a", "reason": "b"}]}) == read(
        crawljob()
    )


def test_metadata_without_namespace_is_in_default() -> None:
    assert read(replaced(crawljob(), ("metadata", "namespace"), ABSENT)).metadata.namespace == (
        "default"
    )


@pytest.mark.parametrize("value", [None, "text", 3, [], True, 1.5])
def test_a_value_that_is_no_object_is_unusable(value: Any) -> None:
    with pytest.raises(InvalidObjectError, match="expected an object, got"):
        read(value)


@pytest.mark.parametrize("value", [ABSENT, None, [], "text"])
def test_a_crawljob_without_metadata_is_unusable(value: Any) -> None:
    with pytest.raises(InvalidObjectError, match="an object without a name: metadata"):
        read(replaced(crawljob(), ("metadata",), value))


@pytest.mark.parametrize("value", [ABSENT, None, "", 7, ["a"], {"a": 1}, "n" * 254])
def test_a_crawljob_without_a_usable_name_is_unusable(value: Any) -> None:
    with pytest.raises(InvalidObjectError, match=r": metadata\.name is missing or malformed"):
        read(replaced(crawljob(), ("metadata", "name"), value))


def test_a_name_of_a_wrong_type_is_not_shown() -> None:
    wire = replaced(crawljob(), ("metadata", "name"), {"secret": "hunter2"})

    with pytest.raises(InvalidObjectError) as caught:
        read(wire)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [7, [], "n" * 254])
def test_an_invalid_namespace_is_reported_with_the_objects_name(value: Any) -> None:
    with pytest.raises(InvalidObjectError, match=rf"crawljob-{CRAWL_ID}: metadata\.namespace"):
        read(replaced(crawljob(), ("metadata", "namespace"), value))


def test_control_characters_of_a_name_are_escaped_in_the_message() -> None:
    wire = crawljob(metadata={"name": "a\nb\x1b[2J", "namespace": 1})

    with pytest.raises(InvalidObjectError) as caught:
        read(wire)

    assert str(caught.value).startswith(r"a\nb\x1b[2J: metadata.namespace")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"nothing", b'{"a": 1} trailing', b"\xff", b'{"a": tru}', b"\xef\xbb\xbf{}"]
)
def test_text_that_is_no_json_is_unusable(data: bytes) -> None:
    with pytest.raises(InvalidObjectError, match=r"^not valid JSON at character"):
        parse_json(data)


def nested_list(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_nested_beyond_reading_and_never_closed_is_unusable() -> None:
    with pytest.raises(InvalidObjectError, match="nested too deep"):
        parse_json(b'{"a":' * 200_000)


@pytest.mark.parametrize("depth", [10, 150, 400, 10_000, 200_000])
def test_nesting_of_any_depth_in_an_unknown_field_costs_nothing(depth: int) -> None:
    nested = b'{"a]}[{\\"\n":' * depth + b'"]"' + b"}" * depth
    wire = to_wire(crawljob(spec={"extra": "HERE"})).replace(b'"HERE"', nested)

    job = parse_json(wire)

    assert job.problems == ()
    assert (job.spec.cid, job.status.pages_done) == (CID, 45)


def test_several_deep_fields_cost_nothing_to_what_stands_between() -> None:
    wire = to_wire(crawljob(spec={"a": "HERE", "warcPrefix": "kept", "b": "HERE"}))

    job = parse_json(wire.replace(b'"HERE"', nested_list(5000)))

    assert job.problems == ()
    assert job.spec.warc_prefix == "kept"


def test_deep_nesting_in_a_known_field_costs_that_field() -> None:
    wire = to_wire(crawljob(status={"pagesFound": "HERE"})).replace(b'"HERE"', nested_list(5000))

    job = parse_json(wire)

    assert [(p.field, p.reason) for p in job.problems] == [
        ("status.pagesFound", "expected a valid integer, got a list")
    ]
    assert job.status.pages_done == 45


def test_invalid_utf8_is_replaced_not_refused() -> None:
    wire = to_wire(crawljob(spec={"warcPrefix": "HERE"})).replace(b"HERE", b"a\xffb")

    assert parse_json(wire).spec.warc_prefix == "a\ufffdb"


def test_lone_surrogates_are_replaced() -> None:
    job = read(crawljob(spec={"warcPrefix": "a\ud800b"}, pods={"crawl-\udfff-0": crawler_pod()}))

    assert job.spec.warc_prefix == "a?b"
    assert list(job.status.pod_status) == ["crawl-?-0"]
    assert job.problems == ()


def test_raw_control_characters_in_a_text_are_read() -> None:
    wire = to_wire(crawljob(spec={"warcPrefix": "HERE"})).replace(b"HERE", b"a\nb\x00")

    assert parse_json(wire).spec.warc_prefix == "a\nb\x00"


@pytest.mark.parametrize("digits", [19, 400, 500, 5000])
def test_endless_numbers_cost_their_field(digits: int) -> None:
    wire = to_wire(crawljob(status={"size": "HERE"})).replace(b'"HERE"', b"9" * digits)

    job = parse_json(wire)

    assert job.status.size is None
    assert [problem.field for problem in job.problems] == ["status.size"]


def test_of_duplicate_keys_the_last_counts_whether_or_not_something_is_wrong() -> None:
    wire = to_wire(crawljob()).replace(b'"state":"running"', b'"state":"paused","state":"failed"')
    with_a_fault = wire.replace(b'"pagesFound":120', b'"pagesFound":"many"')

    assert parse_json(wire).status.state == "failed"
    assert parse_json(with_a_fault).status.state == "failed"


def test_an_object_with_a_fault_is_otherwise_read_like_a_sound_one() -> None:
    sound = read(crawljob(status={"size": None}))
    faulty = read(crawljob(status={"size": "large"}))

    assert [problem.field for problem in faulty.problems] == ["status.size"]
    faulty.problems = ()
    assert faulty == sound


def test_yaml_values_are_read_like_json() -> None:
    value = crawljob(
        status={"finished": datetime(2025, 5, 21, 12, tzinfo=UTC)}, spec={"timeout": 2**20000}
    )
    value["spec"][1] = "a key that is a number"

    job = parse_value(value)

    assert job.status.finished == UPDATED_EPOCH
    assert [problem.field for problem in job.problems] == ["spec.timeout"]


def test_reading_a_value_leaves_it_as_it_was() -> None:
    value = crawljob(status={"size": "large"})
    before = json.dumps(value)

    parse_value(value)

    assert json.dumps(value) == before


def test_decode_reads_what_strict_json_refuses() -> None:
    assert decode(b'{"a": "\n", "b": ' + b"1" * 500 + b"}") == {"a": "\n", "b": float("inf")}
