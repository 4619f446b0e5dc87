"""What a pod uses: all containers summed, or unknown; never a sum that leaves one out."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity

from exporter.resources import fields
from exporter.resources.decoding import InvalidObjectError
from exporter.resources.fields import read_measured_quantity
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from support.factories import ABSENT, CRAWL_ID, UPDATED_EPOCH, to_wire
from support.pod_metrics import container, mutated_pod_metrics, pod_metrics, written_pod_metrics
from support.strategies import any_json

READER = PODMETRICS_RESOURCE.reader


def read(value: Any) -> PodMetrics:
    return READER.parse_json(to_wire(value))


def test_a_pod_has_its_figures_its_crawl_and_when_it_was_measured() -> None:
    found = read(pod_metrics())
    assert found.metadata.name == f"crawl-{CRAWL_ID}-0"
    assert found.metadata.namespace == "crawlers"
    assert (found.metadata.labels.crawl, found.metadata.labels.role) == (CRAWL_ID, "crawler")
    assert found.timestamp == UPDATED_EPOCH
    assert PODMETRICS_RESOURCE.written_at(found) == UPDATED_EPOCH
    assert (found.cpu, found.memory) == (0.25, 1024**2)
    assert found.problems == ()


def test_it_has_neither_a_uid_nor_a_version() -> None:
    metadata = read(pod_metrics()).metadata
    assert (metadata.uid, metadata.resource_version) == (None, None)


def test_all_containers_are_summed() -> None:
    sidecar = container("proxy", cpu="5m", memory="3Mi")
    found = read(pod_metrics("a", container(cpu="1", memory=5), sidecar, container(cpu="0")))
    assert found.cpu == pytest.approx(1.005)
    assert found.memory == 5 + 3 * 1024**2 + 1024**2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("much", "expected a quantity such as 512Mi or 250m, got a list"),
        ("-5Ki", "expected a finite quantity of at least 0, got a list"),
        ("", "expected a quantity such as 512Mi or 250m, got a list"),
        (-1, "expected a valid string, got a list"),
        ([], "expected a valid string, got a list"),
        ("9" * 65, "string should have at most 64 characters, got a list"),
    ],
)
@pytest.mark.parametrize("containers", [1, 3])
def test_a_container_that_cannot_be_read_makes_the_sums_unknown(
    value: Any, reason: str, containers: int
) -> None:
    others = [container()] * (containers - 1)
    found = read(pod_metrics("a", *others, container(memory=value)))
    assert (found.cpu, found.memory) == (None, None)
    (problem,) = found.problems
    assert (problem.field, problem.kind) == ("containers", "containers")
    assert problem.reason == reason
    assert found.timestamp == UPDATED_EPOCH


@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_figure_that_is_not_there_makes_its_sum_unknown_and_no_other(value: Any) -> None:
    found = read(pod_metrics("a", container(), container(cpu=value)))
    assert (found.cpu, found.memory) == (None, 2 * 1024**2)
    assert found.problems == ()


@pytest.mark.parametrize("value", [[], ABSENT, None])
def test_a_pod_without_containers_has_no_figures(value: Any) -> None:
    wire = pod_metrics() | {"containers": value}
    found = read({key: item for key, item in wire.items() if item is not ABSENT})
    assert (found.cpu, found.memory) == (None, None)
    assert found.problems == ()


def test_a_sum_that_is_no_number_is_unknown() -> None:
    found = read(pod_metrics("a", container(memory=1e308), container(memory=1e308)))
    assert found.memory is None
    assert [problem.field for problem in found.problems] == ["containers"]


def test_far_too_many_containers_are_one_problem() -> None:
    found = read(pod_metrics("a", *[container()] * 1001))
    assert (found.cpu, found.memory) == (None, None)
    assert [problem.field for problem in found.problems] == ["containers"]


def test_a_timestamp_that_cannot_be_read_costs_itself_alone() -> None:
    found = read(pod_metrics(timestamp="soon"))
    assert found.timestamp is None
    assert found.memory == 1024**2
    assert [problem.field for problem in found.problems] == ["timestamp"]


@pytest.mark.parametrize("name", [ABSENT, "", 5, None])
def test_a_pod_without_a_name_cannot_be_read(name: Any) -> None:
    value = pod_metrics()
    value["metadata"] = {} if name is ABSENT else {"name": name}
    with pytest.raises(InvalidObjectError):
        read(value)


# -- quantities


def outcome(reading: Callable[[str], Any], text: str) -> float | None:
    """What is read; None where it is no finite quantity of at least 0."""
    try:
        value = float(reading(text))
    except (ValueError, ArithmeticError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_figures_as_metrics_server_writes_them_are_read_as_the_clients_parser_reads_them(
    cpu: int, memory: int
) -> None:
    wire = pod_metrics("a", container(cpu=f"{cpu}n", memory=f"{memory}Ki"))
    found = read(wire)
    assert found.cpu == float(parse_quantity(f"{cpu}n"))
    assert found.memory == float(parse_quantity(f"{memory}Ki"))


@given(st.integers(0, 10**20), st.sampled_from(["", "n", "u", "m", "Ki", "Mi", "Gi", "k", "M"]))
def test_what_was_measured_is_read_as_the_clients_parser_reads_it(number: int, unit: str) -> None:
    text = f"{number}{unit}"
    assert read_measured_quantity(text) == float(parse_quantity(text))


@given(
    st.text("0123456789.-+eEinumKMG ", max_size=12)
    | st.from_regex(r"[0-9]{0,19}(\.[0-9]{1,3})?(n|u|m|Ki|Mi|Gi|ki|i)?", fullmatch=True)
)
def test_any_text_is_a_quantity_or_not_as_for_the_clients_parser(text: str) -> None:
    assert outcome(read_measured_quantity, text) == outcome(parse_quantity, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("+5", 5.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1E3", 1000.0),
        ("1.5e-3", 0.0015),
        ("+.5e+2", 50.0),
        ("100m", 0.1),
        ("12n", 12e-9),
        ("3u", 3e-6),
        ("2k", 2000.0),
        ("1.5Gi", 1.5 * 2**30),
        ("1E", 1e18),
        ("1Ei", 2.0**60),
        ("1P", 1e15),
        ("1Ti", 2.0**40),
        ("9223372036854775807", 2.0**63),
    ],
)
def test_every_form_that_kubernetes_has_is_read(text: str, value: float) -> None:
    """Source: Kubernetes, ``apimachinery/pkg/api/resource/quantity.go``."""
    assert read_measured_quantity(text) == value
    assert read(pod_metrics("a", container(memory=text))).memory == value


@pytest.mark.parametrize("text", ["1_000", "NaN", "Infinity", "-1", "", "n", "1n n", "12Zi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        read_measured_quantity(text)


def test_measurements_push_nothing_out_of_what_is_remembered() -> None:
    before = fields._remembered_quantity.cache_info()
    for number in range(2000):
        read(pod_metrics("a", container(cpu=f"{number}n", memory=f"1.{number}Gi")))
    assert fields._remembered_quantity.cache_info() == before


# -- any JSON


def check(found: PodMetrics) -> None:
    for figure in (found.cpu, found.memory, found.timestamp):
        assert figure is None or (math.isfinite(figure) and figure >= 0)
    for text in (found.metadata.labels.crawl, found.metadata.labels.role):
        assert text is None or len(text.encode()) <= 4 * 1024
    assert {problem.kind for problem in found.problems} <= set(READER.fields)
    for problem in found.problems:
        assert problem.reason.isprintable()
    if any(problem.field == "containers" for problem in found.problems):
        assert (found.cpu, found.memory) == (None, None)


@given(written_pod_metrics())
def test_what_metrics_server_writes_is_read_exactly(wire: dict[str, Any]) -> None:
    found = read(wire)
    usages = [one["usage"] for one in wire["containers"]]
    assert found.problems == ()
    assert found.cpu == sum(float(parse_quantity(usage["cpu"])) for usage in usages)
    assert found.memory == sum(float(parse_quantity(usage["memory"])) for usage in usages)


@given(mutated_pod_metrics())
def test_mutated_pod_metrics_are_read_or_unusable_and_nothing_else(wire: dict[str, Any]) -> None:
    found = read(wire)
    check(found)
    assert found.metadata.name == "a-pod"


@given(mutated_pod_metrics())
def test_both_ways_of_reading_agree(wire: dict[str, Any]) -> None:
    assert read(wire) == READER.parse_value(wire)


@given(any_json())
def test_any_json_at_all_is_read_or_unusable(value: Any) -> None:
    with suppress(InvalidObjectError):
        check(read(value))


@given(mutated_pod_metrics(), st.integers(min_value=0), st.binary(max_size=4))
def test_damaged_text_is_read_or_unusable(wire: dict[str, Any], at: int, noise: bytes) -> None:
    data = to_wire(wire)
    at %= len(data)
    with suppress(InvalidObjectError):
        check(READER.parse_json(data[:at] + noise + data[at + len(noise) :]))
