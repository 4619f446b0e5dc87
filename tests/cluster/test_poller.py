"""Usage that is listed again and again: what a list brings, and when the next one is asked for."""

import asyncio
import json
import logging
import time

import pytest
from aiohttp import web

from exporter.cluster.client import ApiClient
from exporter.cluster.poller import Poller
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from support.change_recorder import PolledRecorder
from support.following import INTERVAL, Poll
from support.listing_server import ListingServer
from support.pod_metrics import container, moving, pod_metrics, pod_metrics_list
from support.waiting import until


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
    listing.keep_moving("a", "c")
    await until(lambda: recorder.names == ["a", "b", "c"])
    await until(lambda: recorder.names == ["a", "c"])  # b has not been measured for three intervals
    assert time.monotonic() - listing.times[0] >= 2.9 * INTERVAL
    assert recorder.deleted == [("b", False)]
    assert [one.metadata.name for one in poller.objects] == ["a", "c"]
    assert poller.stats.objects == 2
    listing.items = list(map(moving, ("a", "c")))
    listing.recover()
    await synced_again(recorder)
    changes = len(recorder.changes)
    await synced_again(recorder)
    assert len(recorder.changes) == changes, "nothing is measured anew: nothing has changed"
    assert poller.stats.lists == len(recorder.syncs)
    assert poller.stats.last_sync == poller.stats.last_list


async def test_a_metrics_server_that_has_nothing_yet_takes_nothing_away_at_once(
    listing: ListingServer, poll: Poll
) -> None:
    """It answers without pods until it has asked their kubelets twice."""
    listing.keep_moving("a", "b")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    listing.items = []
    listing.recover()
    await synced_again(recorder)
    listing.keep_moving("a", "b")
    await synced_again(recorder)
    assert (recorder.names, recorder.deleted) == (["a", "b"], [])
    listing.items = []
    listing.recover()
    await until(lambda: not recorder.names)
    assert recorder.unknown == []  # it is there, and says that it has measured nothing
    assert (poller.vouches, poller.up, poller.last_error) == (True, True, None)


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
    assert all(gap >= INTERVAL * 0.5 for gap in listing.gaps)  # the machine may be busy


async def test_exporters_that_start_together_list_at_once_and_do_not_go_on_together(
    poll: Poll,
) -> None:
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
    assert all(gap >= 2.2 * interval * 0.8 for gap in listing.gaps)
    assert recorder.unknown == []  # they are slow, and good
    assert poller.up


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


async def test_a_metrics_server_that_measures_seldom_is_said_once(
    listing: ListingServer, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    """As every minute, which is what it does by itself, where it is asked every fifteen seconds."""
    caplog.set_level(logging.INFO)
    measured_every = 4 * INTERVAL

    async def answer(_: web.Request) -> web.StreamResponse:
        at = int((time.monotonic() - began) // measured_every)
        items = [pod_metrics(name, timestamp=f"2025-05-21T12:{at:02}:00Z") for name in "ab"]
        return web.json_response(pod_metrics_list(*items))

    began = time.monotonic()
    listing.answer = answer
    poller, recorder = poll(source="usage")
    await until(lambda: len(recorder.deleted) >= 6)  # and comes back each time
    assert (poller.up, poller.vouches) == (True, True)
    assert poller.last_error == (
        "metrics-server has measured hardly any pod within three intervals: it is stuck, or "
        "--source.usage.interval is less than its --metric-resolution"
    )
    said = [record.getMessage() for record in caplog.records if "PodMetrics" in record.getMessage()]
    assert len(said) == 2  # it was listed, and this
    assert said[1].endswith("its --metric-resolution; trying again")
    listing.keep_moving("a", "b")
    await until(lambda: poller.last_error is None)
    assert recorder.names == ["a", "b"]


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
    await until(lambda: recorder.syncs, within=100)
    assert recorder.sizes_at_sync == [pods]
    assert len(recorder.changes) == pods
    assert poller.stats.objects == pods
    for n in (0, 1, pods - 1):
        found = recorder.objects["crawlers", f"p{n:05}"]
        assert (found.cpu, found.memory) == (1 + n / 10**9, (n + 1024) * 1024)


async def test_run_again_after_a_fault_it_goes_on_with_what_it_holds(
    listing: ListingServer, listing_client: ApiClient
) -> None:
    class Faulty(PolledRecorder[PodMetrics]):
        def on_synced(self, scope: str, resource_version: str) -> None:
            super().on_synced(scope, resource_version)
            if len(self.syncs) == 1:
                raise ArithmeticError("nobody foresaw this")

    listing.items = [pod_metrics("a")]
    recorder = Faulty()
    poller = Poller(listing_client, PODMETRICS_RESOURCE, "crawlers", recorder, interval=INTERVAL)
    with pytest.raises(ArithmeticError):
        await poller.run()
    task = asyncio.create_task(poller.run())
    await until(lambda: len(recorder.syncs) == 2)
    assert len(recorder.changes) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_once_it_is_ended_it_withdraws_nothing(
    listing: ListingServer, listing_client: ApiClient
) -> None:
    listing.items = [pod_metrics("a")]
    recorder = PolledRecorder[PodMetrics]()
    poller = Poller(listing_client, PODMETRICS_RESOURCE, "crawlers", recorder, interval=INTERVAL)
    task = asyncio.create_task(poller.run())
    await until(lambda: recorder.syncs)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert poller._withdrawal is not None
    assert poller._withdrawal.cancelled()
    assert recorder.names == ["a"]
