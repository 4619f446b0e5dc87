"""A pod as CrawlJob and Kubernetes tell of it: whose word counts."""

from typing import Any

import pytest

from exporter.crawls import Crawl, CrawlPod, pods_of
from exporter.resources.crawljob import parse_value
from exporter.resources.pod import Pod
from exporter.resources.pod import parse_value as parse_pod
from exporter.resources.podmetrics.resource import PODMETRICS_RESOURCE
from support.factories import CRAWL_ID, CREATED, GIB, UPDATED, UPDATED_EPOCH, crawler_pod, crawljob
from support.pod_factories import (
    POD_NAME,
    container_status,
    evicted,
    pod,
    pod_wire,
    restarted,
    terminated,
    unschedulable,
)

OTHER = f"crawl-{CRAWL_ID}-1"


def running(since: str) -> dict[str, Any]:
    return container_status(state={"running": {"startedAt": since}})


def over(at: str) -> dict[str, Any]:
    """It has ended and waits to be started again."""
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    return container_status(state=state, lastState=terminated(at))


def pods(*live: Pod, **parts: Any) -> dict[str, CrawlPod]:
    crawl = Crawl(parse_value(crawljob(**parts)), {one.metadata.name: one for one in live})
    return {one.name: one for one in pods_of(crawl)}


def test_a_pod_that_kubernetes_does_not_have_is_deleted_whatever_the_status_says() -> None:
    found = pods(pod(), pods={POD_NAME: crawler_pod(), OTHER: crawler_pod()}, status={"scale": 2})
    assert {name: one.exists for name, one in found.items()} == {POD_NAME: True, OTHER: False}


def test_a_pod_that_no_status_tells_of_yet_is_there() -> None:
    found = pods(pod(), pods={}, status={"state": "starting"})
    assert list(found) == [POD_NAME]
    assert (found[POD_NAME].role, found[POD_NAME].index, found[POD_NAME].exists) == (
        "crawler",
        0,
        True,
    )


def test_a_pod_of_a_paused_crawl_exists_as_long_as_kubernetes_has_it() -> None:
    found = pods(pod(), pods={POD_NAME: crawler_pod()}, status={"state": "paused"})
    assert found[POD_NAME].exists


def test_the_later_of_two_exits_is_the_last() -> None:
    ended = restarted(ended=terminated(UPDATED, 11, "Error"))
    earlier = crawler_pod(exitTime=CREATED, exitCode=0, reason="done")
    found = pods(parse_pod(ended), pods={POD_NAME: earlier})[POD_NAME]
    assert (found.exit_time, found.exit_code, found.exit_reason) == (
        UPDATED_EPOCH,
        11,
        "interrupt: 11",
    )
    later = crawler_pod(exitTime="2025-05-21T12:00:01Z", exitCode=0, reason="done")
    found = pods(parse_pod(ended), pods={POD_NAME: later})[POD_NAME]
    assert (found.exit_time, found.exit_code, found.exit_reason) == (UPDATED_EPOCH + 1, 0, "done")


def test_an_evicted_pod_is_evicted_before_a_status_says_so() -> None:
    one = crawler_pod(evicted=False)
    assert pods(pod(status=evicted()), pods={POD_NAME: one})[POD_NAME].evicted is True
    assert pods(parse_pod(pod_wire()), pods={POD_NAME: one})[POD_NAME].evicted is False


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_uses_nothing_however_long_it_stays(phase: str) -> None:
    """Its last figures stay in the status."""
    info = crawler_pod(used={"memory": GIB, "cpu": 0.5, "storage": 5})
    found = pods(pod(status={"phase": phase}), pods={POD_NAME: info})[POD_NAME]
    assert (found.exists, found.used_memory, found.used_cpu) == (True, None, None)
    assert found.used_storage == 5
    lost = pods(pod(status={"phase": "Unknown"}), pods={POD_NAME: info})[POD_NAME]
    assert (lost.used_memory, lost.used_cpu) == (GIB, 0.5)


def test_a_pod_without_a_node_has_none_since_its_creation_where_nobody_noted_it() -> None:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    for status, since in (
        (unschedulable(message), UPDATED_EPOCH - 960),
        (unschedulable(message, "2025-05-21T11:50:00Z"), UPDATED_EPOCH - 600),
    ):
        assert pods(pod(status=status))[POD_NAME].unschedulable_since == since
    unnoted = unschedulable(message)
    unnoted["conditions"][0]["lastTransitionTime"] = None
    assert pods(pod(status=unnoted))[POD_NAME].unschedulable_since == UPDATED_EPOCH - 960
    assert pods(pod())[POD_NAME].unschedulable_since is None


def test_what_stopped_a_pod_is_said_by_the_pod_and_not_guessed_from_its_exit() -> None:
    ended = container_status(state=terminated(UPDATED, 137, "Error"))
    shut_down = pod(status={"phase": "Failed", "containerStatuses": [ended]})
    info = crawler_pod(exitTime=UPDATED, exitCode=137, reason="oom")
    found = pods(shut_down, pods={POD_NAME: info})[POD_NAME]
    assert (found.exit_reason, found.exit_code) == ("interrupt: 137", 137)


def measured(at: str = "2025-05-21T12:00:30Z", memory: str = "1536Mi", cpu: str = "250m") -> Any:
    return {
        "metadata": {"name": POD_NAME, "namespace": "crawlers", "labels": {"crawl": CRAWL_ID}},
        "timestamp": at,
        "window": "15s",
        "containers": [{"name": "crawler", "usage": {"cpu": cpu, "memory": memory}}],
    }


def used(wire: Any, **info: Any) -> tuple[float | None, float | None]:
    """Memory and CPU of the pod whose status was written at 12:00."""
    usage = {POD_NAME: PODMETRICS_RESOURCE.reader.parse_value(wire)}
    job = parse_value(crawljob(pods={POD_NAME: crawler_pod(**info)}))
    (found,) = pods_of(Crawl(job, usage=usage))
    return found.used_memory, found.used_cpu


def test_what_nobody_else_measures_is_known_by_its_usage() -> None:
    """Also where the clock of its node is years behind."""
    nothing = {"used": {"memory": 0, "cpu": 0, "storage": 0}}
    assert used(measured(), **nothing) == (1.5 * GIB, 0.25)
    assert used(measured("2020-01-01T00:00:00Z"), **nothing) == (1.5 * GIB, 0.25)


def test_of_two_figures_the_fresher_one_counts() -> None:
    assert used(measured("2025-05-21T12:00:30Z")) == (1.5 * GIB, 0.25)
    assert used(measured("2025-05-21T11:59:30Z")) == (GIB, 0.75)


def test_a_usage_that_could_not_be_read_leaves_what_the_status_says() -> None:
    assert used(measured(memory="much", cpu="250m")) == (GIB, 0.75)


def test_a_pod_that_is_gone_uses_nothing_whatever_was_measured() -> None:
    job = parse_value(crawljob(pods={POD_NAME: crawler_pod()}))
    usage = {POD_NAME: PODMETRICS_RESOURCE.reader.parse_value(measured())}
    (found,) = pods_of(Crawl(job, pods={}, usage=usage))
    assert (found.used_memory, found.used_cpu) == (None, None)


@pytest.mark.parametrize(
    ("live", "counts"),
    [
        (pod_wire(), True),
        (pod_wire(status={"containerStatuses": [running("2025-05-21T12:00:30Z")]}), True),
        (pod_wire(status={"containerStatuses": [running("2025-05-21T12:00:31Z")]}), False),
        (pod_wire(status={"containerStatuses": [over("2025-05-21T12:00:31Z")]}), False),
        (pod_wire(status={"containerStatuses": [over("2025-05-21T12:00:29Z")]}), True),
        (pod_wire(status=evicted(finished_at="2025-05-21T12:00:31Z")), False),
        (pod_wire(status={"phase": "Pending", "containerStatuses": []}), False),
        (pod_wire(status={"containerStatuses": []}), True),  # nobody says since when it runs
    ],
)
def test_what_an_earlier_container_of_that_name_used_is_not_what_it_uses(
    live: dict[str, Any], counts: bool
) -> None:
    """It is listed for a while: a pod was made anew, or its container was started again."""
    nothing = crawler_pod(used={"memory": 0, "cpu": 0, "storage": 0})
    usage = {POD_NAME: PODMETRICS_RESOURCE.reader.parse_value(measured("2025-05-21T12:00:30Z"))}
    job = parse_value(crawljob(pods={POD_NAME: nothing}))
    (found,) = pods_of(Crawl(job, pods={POD_NAME: parse_pod(live)}, usage=usage))
    expected = (1.5 * GIB, 0.25) if counts else (None, None)
    assert (found.used_memory, found.used_cpu) == expected


def test_what_the_status_says_counts_where_the_measurement_is_of_an_earlier_container() -> None:
    live = pod_wire(status={"containerStatuses": [running("2025-05-21T12:00:31Z")]})
    usage = {POD_NAME: PODMETRICS_RESOURCE.reader.parse_value(measured("2025-05-21T12:00:30Z"))}
    job = parse_value(crawljob(pods={POD_NAME: crawler_pod()}))
    (found,) = pods_of(Crawl(job, pods={POD_NAME: parse_pod(live)}, usage=usage))
    assert (found.used_memory, found.used_cpu) == (GIB, 0.75)


def test_what_it_may_use_is_its_own_limit_where_no_status_says_it() -> None:
    found = pods(pod(), pods={})[POD_NAME]
    assert (found.usable_memory, found.usable_cpu) == (1229 * 1024**2, 0.9)
    given = crawler_pod(allocated={"memory": GIB, "cpu": 2, "storage": 0})
    found = pods(pod(), pods={POD_NAME: given})[POD_NAME]
    assert (found.usable_memory, found.usable_cpu) == (GIB, 2)
