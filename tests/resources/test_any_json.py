"""Whatever JSON arrives: a CrawlJob with problems, or InvalidObjectError; nothing else, ever."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from exporter.crawls import Crawl, pods_of
from exporter.resources.crawljob import (
    CrawlJob,
    InvalidObjectError,
    derived,
    parse_json,
    parse_value,
)
from exporter.resources.crawljob.pod_info import Role
from exporter.resources.identity import crawl_id, org_id
from support.factories import crawljob, to_wire
from support.strategies import any_json, crawljobs, hostile_json, mutated_crawljobs


def every_kind(schema: dict[str, Any], node: dict[str, Any], path: str = "") -> Iterator[str]:
    """All paths a CrawlJob's JSON schema knows, with ``*`` for the names of pods."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    for key, inner in node.get("properties", {}).items():
        yield f"{path}{key}"
        yield from every_kind(schema, inner, f"{path}{key}.")
    if isinstance(node.get("additionalProperties"), dict):
        yield f"{path}*"
        yield from every_kind(schema, node["additionalProperties"], f"{path}*.")


SCHEMA = TypeAdapter(CrawlJob).json_schema()
SCENARIOS = frozenset(every_kind(SCHEMA, SCHEMA))


def values(node: Any) -> Iterator[Any]:
    """Everything a CrawlJob holds, however deep."""
    if is_dataclass(node):
        for field in fields(node):
            yield from values(getattr(node, field.name))
    elif isinstance(node, dict):
        yield from node
        for inner in node.values():
            yield from values(inner)
    elif isinstance(node, tuple):
        for inner in node:
            yield from values(inner)
    else:
        yield node


def check(job: CrawlJob) -> None:
    assert {problem.kind for problem in job.problems} <= SCENARIOS
    for problem in job.problems:
        assert problem.reason.isprintable()
        assert problem.field.isprintable()
    for value in values(job):
        assert value is None or isinstance(value, str | int | float)
        if isinstance(value, str):
            value.encode()
            assert len(value) <= 2000
        if isinstance(value, float):
            assert math.isfinite(value)
            assert value >= 0
    assert crawl_id(job)
    assert derived.state(job)
    assert derived.transition(job) in (None, *derived.TRANSITIONS)
    for figure in (derived.paused_since(job), derived.pause_expires(job)):
        assert figure is None or math.isfinite(figure)
    org_id(job)
    derived.is_qa(job)
    derived.forced_restart_pending(job)
    for _, value in derived.unknown_values(job):
        assert value
    for pod in pods_of(Crawl(job)):
        assert pod.role in get_args(Role)
        assert (pod.index is not None) == (pod.role == "crawler")
        for used in (pod.used_memory, pod.used_cpu, pod.used_storage):
            assert used is None or pod.exists


def test_the_kinds_of_problem_are_a_small_closed_set() -> None:
    assert {"spec", "status.state", "status.podStatus.*.used.memory"} <= SCENARIOS
    assert len(SCENARIOS) < 100


@given(crawljobs())
def test_what_browsertrix_writes_has_no_problems(wire: dict[str, Any]) -> None:
    job = parse_json(to_wire(wire))

    assert job.problems == ()
    check(job)


@given(mutated_crawljobs())
def test_a_mutated_crawljob_is_read_or_unusable_and_nothing_else(wire: dict[str, Any]) -> None:
    job = parse_json(to_wire(wire))

    check(job)
    assert job.metadata.name == wire["metadata"]["name"]


@given(mutated_crawljobs())
def test_both_ways_of_reading_agree(wire: dict[str, Any]) -> None:
    assert parse_json(to_wire(wire)) == parse_value(wire)


@given(any_json())
def test_any_json_at_all_is_read_or_unusable(value: Any) -> None:
    with suppress(InvalidObjectError):
        check(parse_json(to_wire(value)))


@given(hostile_json(), hostile_json(), hostile_json())
def test_any_json_as_whole_parts_costs_only_these(labels: Any, spec: Any, status: Any) -> None:
    wire = {**crawljob(), "spec": spec, "status": status}
    wire["metadata"]["labels"] = labels

    job = parse_json(to_wire(wire))

    check(job)
    assert job.metadata.resource_version == "1000"


@given(st.binary())
def test_any_bytes_are_read_or_unusable(data: bytes) -> None:
    with suppress(InvalidObjectError):
        check(parse_json(data))


@given(mutated_crawljobs(), st.integers(min_value=0), st.binary(max_size=4))
def test_damaged_text_is_read_or_unusable(wire: dict[str, Any], at: int, noise: bytes) -> None:
    data = to_wire(wire)
    at %= len(data)
    with suppress(InvalidObjectError):
        check(parse_json(data[:at] + noise + data[at + len(noise) :]))
