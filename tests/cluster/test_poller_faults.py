"""What a poller does when its lists fail, or are none, or hold what nobody can read."""

import asyncio
import logging
import time

import pytest
from aiohttp import web

from support.factories import to_wire
from support.following import INTERVAL, Poll
from support.listing_server import ListingServer
from support.pod_metrics import container, moving, pod_metrics, pod_metrics_list
from support.waiting import until


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


_ABSENT = "metrics-server is not installed, or not running: nothing serves metrics.k8s.io/v1beta1"
_FORBIDDEN = "RBAC must allow list on pods.metrics.k8s.io in namespace crawlers"


@pytest.mark.parametrize(
    "case",
    [
        ("not_found", f"404 Ordered ordered by a test: {_ABSENT}"),
        ("server_error", f"503 Ordered ordered by a test: {_ABSENT}"),
        ("server_error", f"503: {_ABSENT}", "service unavailable\n"),  # the aggregator's own
        ("server_error", "500 Ordered ordered by a test"),  # it is there, and fails
        ("server_error", "504 Ordered ordered by a test"),
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
    assert all(gap >= INTERVAL * 0.5 for gap in listing.gaps)  # the machine may be busy
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
    assert listing.gaps[0] >= 0.95


async def test_one_failure_changes_nothing_that_is_known(
    listing: ListingServer, poll: Poll
) -> None:
    listing.keep_moving("a")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)
    listing.refuse(500)
    await until(lambda: poller.stats.list_failures["server_error"] == 1)
    assert not poller.up
    assert poller.synced
    assert recorder.names == ["a"]
    listing.keep_moving("a")
    await until(lambda: poller.up)
    assert recorder.deleted == []
    assert recorder.unknown == []


async def test_after_three_intervals_of_failures_nothing_is_known_until_a_list_is_good(
    listing: ListingServer, poll: Poll
) -> None:
    listing.keep_moving("a", "b")
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
    assert not poller.vouches
    listing.keep_moving("a")
    await until(lambda: poller.synced)
    assert recorder.deleted == [("b", False)]
    assert recorder.names == ["a"]


async def test_a_server_that_hangs_is_left_and_nothing_is_known_meanwhile(
    listing: ListingServer, poll: Poll
) -> None:
    listing.keep_moving("a")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    listing.answer = hang
    await until(lambda: recorder.unknown)
    await until(lambda: poller.stats.list_failures["stalled"])
    assert poller.last_error == "the list took more than 0.95 s"
    listing.keep_moving("a")
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


@pytest.mark.parametrize(
    ("head", "reason", "text"),
    [
        (f"Content-Length: {10**6}", "cut", "the connection was cut"),
        ("Transfer-Encoding: chunked", "cut", "the connection was cut"),
        ("Connection: close", "not_json", "the list cannot be read"),  # nothing says how long it is
    ],
)
async def test_a_list_cut_in_the_middle_makes_nothing_vanish(
    listing: ListingServer, poll: Poll, head: str, reason: str, text: str
) -> None:
    listing.items = [pod_metrics(f"p{n:03}") for n in range(500)]
    poller, recorder = poll(interval=1.0)
    await until(lambda: recorder.syncs)
    body = to_wire(pod_metrics_list(*(pod_metrics(f"q{n:03}") for n in range(500))))
    half = body[: len(body) // 2]
    if "chunked" in head:
        half = b"%x\r\n%b\r\n" % (len(half), half)

    async def cut(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
        transport.write(lines.encode() + half)
        transport.close()
        return web.Response()

    listing.answer = cut
    await until(lambda: poller.stats.list_failures[reason])
    assert len(recorder.changes) == 500
    assert len(recorder.objects) == 500
    assert poller.last_error is not None
    assert poller.last_error.startswith(text)


async def test_a_list_of_40_mib_that_comes_slowly_is_read_and_holds_up_nothing(
    listing: ListingServer, poll: Poll
) -> None:
    wide = [pod_metrics(f"p{n:03}", labels={"x": "y" * 100_000}) for n in range(400)]
    body = to_wire(pod_metrics_list(*wide))
    assert len(body) > 38 * 2**20

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for begin in range(0, len(body), 2**20):
            await response.write(body[begin : begin + 2**20])
            await asyncio.sleep(0.05)
        return response

    listing.answer = slowly
    poller, recorder = poll(interval=10.0)
    await until(lambda: recorder.syncs, within=40)
    assert len(poller.objects) == 400
    assert (poller.up, poller.stats.invalid_objects) == (True, 0)


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
    await until(lambda: len(recorder.syncs) >= 2)
    assert recorder.names == ["a", "b", "odd"]
    assert poller.problems.kinds == {"containers": 1}
    assert poller.stats.invalid_objects == 3 * len(recorder.syncs)
    texts = "\n".join(logged(caplog))
    assert texts.count("PodMetrics crawlers/odd: containers is left out: ") == 1
    assert texts.count("PodMetrics in crawlers cannot be read: ") == 3  # each once
    assert "it is longer than 131072 bytes" in texts
    assert (poller.up, poller.last_error) == (True, None)


async def test_what_cannot_be_read_any_more_is_as_if_it_were_not_listed(
    listing: ListingServer, poll: Poll
) -> None:
    listing.keep_moving("a", "b")
    poller, recorder = poll()
    await until(lambda: recorder.syncs)

    async def unreadable(_: web.Request) -> web.StreamResponse:
        long = {**moving("a"), "metadata": pod_metrics("a", labels={"x": "y" * 2**19})["metadata"]}
        return web.json_response(pod_metrics_list(long, moving("b")))

    listing.answer = unreadable
    await until(lambda: poller.stats.invalid_objects)
    assert recorder.names == ["a", "b"]
    await until(lambda: recorder.deleted)
    assert recorder.deleted == [("a", False)]
    assert poller.stats.invalid_objects >= 2
    listing.keep_moving("a", "b")
    await until(lambda: recorder.names == ["a", "b"])


async def test_an_api_that_is_registered_then_answers_then_is_taken_away(
    listing: ListingServer, poll: Poll
) -> None:
    """404 before it is installed, 503 until it is ready; as it is removed 503, then 404."""
    listing.refuse(404, body="404 page not found\n")
    poller, recorder = poll()
    await until(lambda: poller.stats.list_failures["not_found"])
    listing.refuse(503, body="service unavailable\n")
    await until(lambda: poller.stats.list_failures["server_error"])
    listing.keep_moving("a")
    await until(lambda: recorder.names == ["a"])
    assert (poller.vouches, poller.last_error) == (True, None)
    listing.refuse(503, body="service unavailable\n")
    await until(lambda: poller.stats.list_failures["server_error"] >= 2)
    listing.refuse(403)
    await until(lambda: recorder.unknown)
    await until(lambda: poller.stats.list_failures["forbidden"])
    assert (poller.vouches, recorder.deleted) == (False, [])
    listing.keep_moving("a")
    await until(lambda: poller.vouches)
    assert recorder.names == ["a"]
