"""Usage that is listed again and again: what a list brings, and when nothing is known any more."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.cluster.client import ApiClient
from exporter.cluster.poller import Poller
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from support.change_recorder import PolledRecorder
from support.factories import to_wire
from support.following import Opened
from support.listing_server import ListingServer
from support.pod_metrics import container, pod_metrics, pod_metrics_list
from support.waiting import until

INTERVAL = 0.5
Polled = tuple[Poller[PodMetrics], PolledRecorder[PodMetrics]]
Poll = Callable[..., Polled]


@pytest.fixture
async def listing() -> AsyncIterator[ListingServer]:
    async with ListingServer.started() as server:
        yield server


@pytest.fixture
async def client(listing: ListingServer, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(listing.kubeconfig(tmp_path / "kubeconfig"))


@pytest.fixture
async def poll(client: ApiClient) -> AsyncIterator[Poll]:
    """Start pollers that begin at once; none may fail, whatever the test does."""
    tasks: list[asyncio.Task[None]] = []

    def start(scope: str = "crawlers", **more: Any) -> Polled:
        recorder = PolledRecorder[PodMetrics]()
        more.setdefault("interval", INTERVAL)
        more.setdefault("rng", lambda least, _: least)
        poller = Poller(client, PODMETRICS_RESOURCE, scope, recorder, **more)
        tasks.append(asyncio.create_task(poller.run()))
        return poller, recorder

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result


def moving(name: str, *containers: Any, **more: Any) -> dict[str, Any]:
    """One whose timestamp is of now."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09}Z"
    return pod_metrics(name, *containers, timestamp=stamp, **more)


def keep_moving(server: ListingServer, *names: str) -> None:
    """Answer with these pods, measured anew each time."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(pod_metrics_list(*map(moving, names)))

    server.answer = answer


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


async def synced_again(recorder: PolledRecorder[PodMetrics], times: int = 1) -> None:
    wanted = len(recorder.syncs) + times
    await until(lambda: len(recorder.syncs) >= wanted)


async def test_every_list_is_handed_on_as_what_has_changed(
    listing: ListingServer, poll: Poll
) -> None:
    listing.items = [pod_metrics("a"), pod_metrics("b")]
    poller, recorder = poll()
    assert (poller.synced, poller.up, poller.source) == (False, False, "pods")
    await until(lambda: recorder.syncs)
    assert recorder.names == ["a", "b"]
    assert recorder.sizes_at_sync == [2]
    assert recorder.syncs == [""]
    assert (poller.synced, poller.up, poller.last_error) == (True, True, None)
    listing.items = [pod_metrics("a"), pod_metrics("c", container(memory="5Ki"))]
    await until(lambda: recorder.names == ["a", "c"])
    assert recorder.deleted == [("b", False)]
    assert len(recorder.changes) == 4
    assert [one.memory for one in poller.objects] == [1024**2, 5 * 1024]
    await synced_again(recorder)
    assert len(recorder.changes) == 4
    assert poller.stats.lists == len(recorder.syncs)
    assert poller.stats.objects == 2
    assert poller.stats.last_sync == poller.stats.last_list


async def test_one_request_asks_for_all_that_the_selector_chooses(
    listing: ListingServer, poll: Poll
) -> None:
    _, recorder = poll(selector="crawl,role in (crawler,redis)")
    await until(lambda: recorder.syncs)
    request = listing.requests[0]
    assert request.path == "/apis/metrics.k8s.io/v1beta1/namespaces/crawlers/pods"
    assert dict(request.query) == {"labelSelector": "crawl,role in (crawler,redis)"}
    _, everywhere = poll("")
    await until(lambda: everywhere.syncs)
    assert listing.requests[-1].path == "/apis/metrics.k8s.io/v1beta1/pods"


async def test_lists_follow_each_other_at_the_interval(listing: ListingServer, poll: Poll) -> None:
    _, recorder = poll()
    await synced_again(recorder, 4)
    assert all(gap >= INTERVAL * 0.95 for _, gap in gaps(listing))


def gaps(listing: ListingServer) -> list[tuple[float, float]]:
    """When each request came, and how long after the one before."""
    return [(after, after - before) for before, after in pairwise(listing.times)]


async def test_exporters_that_start_together_do_not_list_together(poll: Poll) -> None:
    asked: list[tuple[float, float]] = []

    def rng(least: float, most: float) -> float:
        asked.append((least, most))
        return least

    _, recorder = poll(interval=15.0, rng=rng)
    await until(lambda: recorder.syncs)
    assert asked == [(0.0, 5.0)]


async def test_a_list_that_takes_longer_than_the_interval_is_not_followed_sooner(
    listing: ListingServer, poll: Poll
) -> None:
    interval = 1.0

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1.2 * interval)
        return web.json_response(pod_metrics_list(moving("a")))

    listing.answer = slow
    poller, recorder = poll(interval=interval)
    await synced_again(recorder, 2)
    assert all(gap >= 2.2 * interval * 0.95 for _, gap in gaps(listing))
    assert recorder.unknown == []  # they are slow, and good
    assert poller.up


# -- failures


_ABSENT = "metrics-server is not installed, or not running: nothing serves metrics.k8s.io/v1beta1"
_FORBIDDEN = "RBAC must allow list on pods.metrics.k8s.io in namespace crawlers"


@pytest.mark.parametrize(
    "case",
    [
        ("not_found", f"404 Ordered ordered by a test: {_ABSENT}"),
        ("server_error", f"503 Ordered ordered by a test: {_ABSENT}"),
        ("server_error", f"503: {_ABSENT}", "service unavailable\n"),  # the aggregator's own
        ("forbidden", f"403: {_FORBIDDEN}"),
        ("unauthorized", "401: the credentials are not accepted"),
        ("too_many_requests", "429 Ordered ordered by a test"),
    ],
)
async def test_a_refusal_is_said_once_in_plain_words(
    listing: ListingServer, poll: Poll, caplog: pytest.LogCaptureFixture, case: tuple[str, ...]
) -> None:
    reason, text, *body = case
    listing.refuse(int(text[:3]), body=body[0] if body else None)
    poller, recorder = poll()
    await until(lambda: poller.stats.list_failures[reason] >= 2)
    assert poller.last_error == f"the API server answered {text}"
    assert logged(caplog) == [f"namespace crawlers: PodMetrics: {poller.last_error}; trying again"]
    assert not poller.synced
    assert not poller.up
    assert recorder.unknown == []  # nothing was known


async def test_what_was_refused_comes_back_by_itself(listing: ListingServer, poll: Poll) -> None:
    listing.refuse(404)
    listing.items = [pod_metrics("a")]
    poller, recorder = poll()
    await until(lambda: poller.stats.list_failures["not_found"] >= 2)
    assert all(gap >= INTERVAL * 0.95 for _, gap in gaps(listing))
    listing.recover()
    await until(lambda: recorder.names == ["a"])
    assert poller.synced
    assert poller.up
    assert poller.last_error is None


async def test_retry_after_is_obeyed(listing: ListingServer, poll: Poll) -> None:
    listing.refuse(503, Retry_After="1")
    poller, recorder = poll()
    await until(lambda: poller.stats.list_failures["server_error"])
    listing.recover()
    await until(lambda: recorder.syncs)
    assert gaps(listing)[0][1] >= 0.95


async def test_one_failure_changes_nothing_that_is_known(
    listing: ListingServer, poll: Poll
) -> None:
    keep_moving(listing, "a")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    listing.refuse(500)
    await until(lambda: poller.stats.list_failures["server_error"] == 1)
    assert not poller.up
    assert poller.synced
    assert recorder.names == ["a"]
    keep_moving(listing, "a")
    await until(lambda: poller.up)
    assert recorder.deleted == []
    assert recorder.unknown == []


async def test_after_three_intervals_of_failures_nothing_is_known_and_all_comes_anew(
    listing: ListingServer, poll: Poll
) -> None:
    keep_moving(listing, "a", "b")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    last_good = time.monotonic()
    listing.refuse(503)
    await until(lambda: recorder.unknown)
    assert time.monotonic() - last_good >= 2 * INTERVAL
    failures = poller.stats.list_failures["server_error"]
    await until(lambda: poller.stats.list_failures["server_error"] >= failures + 2)
    assert recorder.unknown == ["crawlers"]  # once
    assert recorder.deleted == []
    assert not poller.synced
    assert (len(poller.objects), poller.stats.objects) == (0, 0)
    before = len(recorder.changes)
    keep_moving(listing, "a")
    await until(lambda: poller.synced)
    (change,) = recorder.changes[before : before + 1]
    assert change.before is None
    assert recorder.names == ["a"]


async def test_a_server_that_hangs_is_left_and_nothing_is_known_meanwhile(
    listing: ListingServer, poll: Poll
) -> None:
    keep_moving(listing, "a")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    listing.answer = hang
    await until(lambda: recorder.unknown)
    await until(lambda: poller.stats.list_failures["stalled"])
    assert poller.last_error == "the list took more than 0.95 s"
    keep_moving(listing, "a")
    await until(lambda: poller.up)
    assert recorder.names == ["a"]


async def test_a_server_that_falls_silent_is_left(listing: ListingServer, poll: Poll) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"kind":"PodMetricsList","items":[')
        await asyncio.Event().wait()
        return response

    listing.answer = trickle
    poller, _ = poll(interval=5.0, idle_limit=0.1)
    await until(lambda: poller.stats.list_failures["stalled"])
    assert poller.last_error == "the API server has gone silent"


async def test_a_list_cut_in_the_middle_makes_nothing_vanish(
    listing: ListingServer, poll: Poll
) -> None:
    listing.items = [pod_metrics(f"p{n:03}") for n in range(500)]
    poller, recorder = poll(interval=1.0)
    await until(lambda: recorder.syncs)
    body = to_wire(pod_metrics_list(*(pod_metrics(f"q{n:03}") for n in range(500))))
    listing.send(body[: len(body) // 2], cut=True)
    await until(lambda: poller.stats.list_failures["cut"])
    assert len(recorder.changes) == 500
    assert len(recorder.objects) == 500
    assert poller.last_error is not None
    assert poller.last_error.startswith("the connection was cut")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"",
        b"null",
        b'{"items":[]}',
        b'{"kind":"PodList","items":[{"metadata":{"name":"z"}}]}',
        b'{"kind":"PodMetricsList","items":{}}',
        b'{"kind":"PodMetricsList","items":[{"metadata":{"name":"z"}}',
        b'{"kind":"PodMetricsList","items":[{"metadata":{"name":"z"}}]} more',
        b'{"kind":"PodMetricsList","items":[' + b"[" * 100_000,
        b"\xff" * 100_000,
    ],
)
async def test_what_is_no_list_of_pod_metrics_makes_nothing_vanish(
    listing: ListingServer, poll: Poll, body: bytes
) -> None:
    listing.items = [pod_metrics("a")]
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    listing.send(body)
    await until(lambda: poller.stats.list_failures["not_json"])
    assert poller.last_error is not None
    assert poller.last_error.startswith("the list cannot be read: ")
    assert [change.deleted for change in recorder.changes] == [False]


async def test_a_page_of_html_is_no_list(listing: ListingServer, poll: Poll) -> None:
    async def proxy(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    listing.answer = proxy
    poller, _ = poll()
    await until(lambda: poller.stats.list_failures["not_json"])
    assert poller.last_error is not None
    assert "instead of JSON" in poller.last_error


async def test_the_bytes_of_a_list_are_bounded(
    listing: ListingServer, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.cluster.client.LONGEST_BODY", 10_000)
    listing.send(to_wire(pod_metrics_list(*[pod_metrics("a")] * 100)))
    poller, recorder = poll()
    await until(lambda: poller.stats.list_failures["too_large"])
    assert recorder.syncs == []


# -- odd objects


async def test_odd_objects_cost_themselves_alone(
    listing: ListingServer, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    listing.items = [
        pod_metrics("a"),
        5,
        {"metadata": {"name": 5, "namespace": "crawlers"}},
        pod_metrics("odd", container(memory="much")),
        pod_metrics("huge", labels={"x": "y" * 3 * 2**20}),
        pod_metrics("b"),
    ]
    poller, recorder = poll()
    await synced_again(recorder, 2)
    assert recorder.names == ["a", "b", "odd"]
    assert poller.problems.kinds == {"containers": 1}
    assert poller.stats.invalid_objects == 3 * len(recorder.syncs)
    texts = "\n".join(logged(caplog))
    assert texts.count("PodMetrics crawlers/odd: containers is left out: ") == 1
    assert texts.count("PodMetrics in crawlers cannot be read: ") == 3  # each once
    assert "it is longer than 131072 bytes" in texts
    assert (poller.up, poller.last_error) == (True, None)


async def test_what_cannot_be_read_any_more_is_not_known_any_more(
    listing: ListingServer, poll: Poll
) -> None:
    listing.items = [pod_metrics("a"), pod_metrics("b")]
    _, recorder = poll()
    await until(lambda: recorder.syncs)
    listing.items = [pod_metrics("a", labels={"x": "y" * 2**19}), pod_metrics("b")]
    await until(lambda: recorder.deleted)
    assert recorder.deleted == [("a", False)]
    listing.items = [pod_metrics("a"), pod_metrics("b")]
    await until(lambda: recorder.names == ["a", "b"])


async def test_a_timestamp_that_stands_still_is_withdrawn_and_comes_back(
    listing: ListingServer, poll: Poll
) -> None:
    still = pod_metrics("still", timestamp="2035-01-01T00:00:00Z")  # years away

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(pod_metrics_list(still, moving("moving")))

    listing.answer = answer
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    assert recorder.names == ["moving", "still"]
    began = listing.times[0]
    await until(lambda: recorder.deleted)
    assert recorder.deleted == [("still", False)]
    assert time.monotonic() - began >= 2.9 * INTERVAL
    assert [one.metadata.name for one in poller.objects] == ["moving"]
    assert poller.up
    still["timestamp"] = "1999-01-01T00:00:00Z"
    await until(lambda: recorder.names == ["moving", "still"])


async def test_a_list_of_40000_pods_is_read_as_any_other(
    listing: ListingServer, poll: Poll
) -> None:
    pods = 40_000
    items = [
        pod_metrics(f"p{n:05}", container(cpu=f"{n}n", memory=f"{n}Ki"), container(cpu="1"))
        for n in range(pods)
    ]
    # The kind last, and with blanks: what Go would never do, and a proxy might.
    value = {"items": items, "metadata": {}, "kind": "PodMetricsList"}
    listing.send(json.dumps(value).encode())
    poller, recorder = poll(interval=30.0)
    await until(lambda: recorder.syncs, within=90)
    assert recorder.sizes_at_sync == [pods]
    assert len(recorder.changes) == pods
    assert poller.stats.objects == pods
    for n in (0, 1, pods - 1):
        found = recorder.objects["crawlers", f"p{n:05}"]
        assert (found.cpu, found.memory) == (1 + n / 10**9, (n + 1024) * 1024)


async def test_run_again_after_a_fault_it_goes_on_with_what_it_holds(
    listing: ListingServer, client: ApiClient
) -> None:
    class Faulty(PolledRecorder[PodMetrics]):
        def on_synced(self, scope: str, resource_version: str) -> None:
            super().on_synced(scope, resource_version)
            if len(self.syncs) == 1:
                raise ArithmeticError("nobody foresaw this")

    listing.items = [pod_metrics("a")]
    recorder = Faulty()
    poller = Poller(client, PODMETRICS_RESOURCE, "crawlers", recorder, interval=INTERVAL)
    with pytest.raises(ArithmeticError):
        await poller.run()
    task = asyncio.create_task(poller.run())
    await until(lambda: len(recorder.syncs) == 2)
    assert len(recorder.changes) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_once_it_is_ended_it_withdraws_nothing(
    listing: ListingServer, client: ApiClient
) -> None:
    listing.items = [pod_metrics("a")]
    recorder = PolledRecorder[PodMetrics]()
    poller = Poller(client, PODMETRICS_RESOURCE, "crawlers", recorder, interval=INTERVAL)
    task = asyncio.create_task(poller.run())
    await until(lambda: recorder.syncs)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert poller._withdrawal is not None
    assert poller._withdrawal.cancelled()
    assert recorder.names == ["a"]
