"""The fast exposition says exactly what prometheus_client would, and every parser reads it."""

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.metrics import Format, SeriesStore, catalog
from exporter.metrics.catalog import Group
from exporter.metrics.lines import number
from exporter.resources.crawljob import InvalidObjectError, parse_json
from support.factories import ABSENT, CRAWL_ID, CREATED, crawler_pod, crawljob, to_wire
from support.reference_exposition import NOW, fast, fleet_of, reference, scrape
from support.strategies import crawljobs, mutated_crawljobs
from support.tools import Edition

pytestmark = pytest.mark.slow("a thousand examples")

_ELSEWHERE = {
    Group.EXPORTER,
    Group.HISTORY,
    Group.ORGANISATION,
    Group.WORKFLOW,
    Group.INSTALLATION,
}
FAMILIES = [family for family in catalog() if family.group not in _ELSEWHERE]
OF_NOW = [f for f in FAMILIES if f.name != "browsertrix_operator_last_status_timestamp_seconds"]
"""Without the one that remembers: a status without a time takes back nothing that others said."""

HOSTILE = [
    'line\nbreak "quote" back\\slash',
    "\\",
    "\\n",
    '"',
    "\r\n\t\x00\x1b\x7f",
    "\x85\u2028\u2029\ufeff",
    "# EOF",
    'x"} 1\nbrowsertrix_crawls{namespace="forged',
    "{}",
    "𝕬 \u0301",
]


def read(wire: dict[str, Any]) -> Crawl:
    return Crawl(parse_json(to_wire(wire)))


def distinct(wires: list[dict[str, Any]]) -> list[Crawl]:
    """What can be read of them, each under a name of its own."""
    crawls = []
    for number_, wire in enumerate(wires):
        try:
            crawl = read(wire)
        except InvalidObjectError:
            continue
        crawl.job.metadata.name += f"-{number_}"
        crawls.append(crawl)
    return crawls


@given(st.lists(crawljobs() | mutated_crawljobs(), max_size=3), st.sampled_from(Format))
@settings(max_examples=120)
def test_any_crawls_are_rendered_byte_for_byte_as_prometheus_client_does(
    wires: list[dict[str, Any]], form: Format
) -> None:
    crawls = distinct(wires)
    rendered = fast(FAMILIES, crawls, NOW, form)
    assert rendered == reference(FAMILIES, crawls, NOW, form)
    if form is Format.OPENMETRICS:
        parsed = {family.name for family in parse_openmetrics(rendered.decode())}
        assert parsed == {family.base for family in FAMILIES}
    else:
        parsed = {family.name for family in parse_text(rendered.decode())}
        assert parsed == {family.name for family in FAMILIES}


@given(st.lists(mutated_crawljobs() | crawljobs(), min_size=2, max_size=4), st.data())
@settings(max_examples=60)
def test_a_crawl_that_changed_is_rendered_as_if_it_were_new(
    wires: list[dict[str, Any]], data: st.DataObject
) -> None:
    versions = []
    for crawl in distinct(wires):
        metadata = crawl.job.metadata
        metadata.name, metadata.namespace = f"crawljob-{CRAWL_ID}", "crawlers"
        versions.append(crawl)
    if not versions:
        return
    store = SeriesStore(OF_NOW)
    store.on_synced("", "1")
    for before, after in zip([None, *versions], versions, strict=False):
        store.on_change(Change("", before, after))
        if data.draw(st.booleans(), "a scrape between the changes"):
            list(scrape(OF_NOW, store))
    assert b"".join(scrape(OF_NOW, store)) == fast(OF_NOW, versions[-1:], NOW, Format.TEXT)
    counted = replace(store.snapshot().fleet, last_status={})
    assert counted == replace(fleet_of(versions[-1:]), last_status={})


@given(st.lists(mutated_crawljobs() | crawljobs(), min_size=2, max_size=6))
@settings(max_examples=60)
def test_scrapes_under_way_say_what_was_when_they_began(wires: list[dict[str, Any]]) -> None:
    store = SeriesStore(OF_NOW)
    store.on_synced("", "1")
    held: dict[str, Crawl] = {}
    scrapes = []
    for number_, crawl in enumerate(distinct(wires)):
        name = crawl.job.metadata.name = f"crawljob-{number_ % 2}"
        crawl.job.metadata.namespace = "crawlers"
        store.on_change(Change("", held.get(name), crawl))
        held[name] = crawl
        chunks = scrape(OF_NOW, store)
        scrapes.append((next(chunks), chunks, fast(OF_NOW, list(held.values()), NOW, Format.TEXT)))
    for first, chunks, expected in scrapes[::2]:
        assert sorted(b"".join([first, *chunks]).splitlines()) == sorted(expected.splitlines())
    for first, chunks, expected in reversed(scrapes[1::2]):
        assert sorted(b"".join([first, *chunks]).splitlines()) == sorted(expected.splitlines())


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_label_values_are_escaped_and_come_back_whole(text: str, form: Format) -> None:
    wire = crawljob(
        crawl=text,
        namespace=text,
        spec={"oid": text, "crawlerChannel": text, "cid": text},
        status={"state": text, "stopReason": text},
        pods={text: crawler_pod(reason=text)},
    )
    crawl = read(wire)
    rendered = fast(FAMILIES, [crawl], NOW, form)
    assert rendered == reference(FAMILIES, [crawl], NOW, form)
    parse = parse_openmetrics if form is Format.OPENMETRICS else parse_text
    found = {
        sample.name: sample.labels
        for family in parse(rendered.decode())
        for sample in family.samples
        if family.name != "browsertrix_crawls"
    }
    assert found["browsertrix_crawl_state"] == {
        "namespace": text, "oid": text, "crawl": text, "state": text,
    }  # fmt: skip
    assert found["browsertrix_pod_info"]["pod"] == text
    assert found["browsertrix_pod_info"]["exit_reason"] == text
    assert found["browsertrix_crawl_info"]["channel"] == text


@given(st.lists(crawljobs() | mutated_crawljobs(), min_size=6, max_size=6))
@settings(max_examples=12)
def test_promtool_reads_what_is_made_of_any_crawljobs(
    edition: Edition, wires: list[dict[str, Any]]
) -> None:
    promtool_is_silent(edition, fast(FAMILIES, distinct(wires), NOW, Format.TEXT))


def test_promtool_finds_nothing_to_say_of_a_whole_exposition(edition: Edition) -> None:
    promtool_is_silent(edition, fast(FAMILIES, [read(full())], NOW, Format.TEXT))
    promtool_is_silent(edition, fast(FAMILIES, [], NOW, Format.TEXT))


def promtool_is_silent(edition: Edition, exposition: bytes) -> None:
    done = subprocess.run(
        [edition.require("promtool"), "check", "metrics"],
        check=False,
        input=exposition,
        capture_output=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def full() -> dict[str, Any]:
    """A CrawlJob that has something to say for every family."""
    return crawljob(
        metadata={"deletionTimestamp": CREATED},
        spec={"pausedAt": CREATED, "restartTime": CREATED},
        status={"stopReason": "paused", "rateLimitedAtTime": CREATED, "finished": ABSENT},
        pods={
            f"crawl-{CRAWL_ID}-0": crawler_pod(
                newMemory=1, newCpu=2, newStorage="13Gi", exitTime=CREATED, exitCode=1,
                reason="oom", signalAtMem=5, backoffWait=True,
            )
        },
    )  # fmt: skip


@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63)
    | st.integers(0, 10**17).map(float)
    | st.sampled_from([float("inf"), float("nan")])
)
@example(0)
@example(999_999)
@example(1_000_000)
@example(1_000_000.0)
@example(1_000_000.5)
@example(10**15)
@example(10**15 - 1)
@example(120_000_000.0)
@example(1e16)
@example(1e-7)
@settings(max_examples=1000)
def test_numbers_are_written_as_prometheus_client_writes_them(value: float) -> None:
    assert number(value) == f"}} {floatToGoString(value + 0.0)}\n".encode()
