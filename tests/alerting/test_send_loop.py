"""What a send loop sends, when, in which order and how often."""

import asyncio

import pytest

from exporter.alerting.send_loop import LARGEST_BATCH
from exporter.settings.defaults import DEFAULT_RUNBOOKS
from exporter.simulator.apiserver.encoding import stamp
from support.alert_receiver import Receiver
from support.alert_sender import OFTEN, Sender, crawls
from support.crawl_history import NOW, Watch
from support.factories import NAMESPACE, OID
from support.waiting import WAIT_TIMEOUT, until


async def test_an_alert_is_posted_as_the_api_takes_it() -> None:
    async with Receiver() as receiver:
        sender = Sender(f"{receiver.url}/prefix/")
        async with sender.running():
            sender.finish("a", at=-20)
            await until(lambda: receiver.taken)

    (alert,) = receiver.taken
    request = receiver.seen[0]
    assert (request.method, request.path) == ("POST", "/prefix/api/v2/alerts")
    assert request.content_type == "application/json"
    assert "Authorization" not in request.headers
    assert alert == {
        "labels": {
            "alertname": "BrowsertrixCrawlPauseExpired",
            "severity": "critical",
            "event": "true",
            "namespace": NAMESPACE,
            "oid": OID,
            "crawl": "a",
            "cluster": "one",
        },
        "annotations": {
            "summary": "A paused crawl was given up because its pause lasted too long",
            "subject": "a",
            "description": f"Crawl a of organisation {OID} in {NAMESPACE} was paused until the "
            "pause limit and has been stopped for good. What it had archived is kept, the rest of "
            "its queue is lost.",
            "runbook_url": f"{DEFAULT_RUNBOOKS}/BrowsertrixCrawlPauseExpired.md",
            "browsertrix_url": "https://browsertrix.example.org",
        },
        "startsAt": "2025-05-21T12:09:40.000Z",
        "endsAt": "2025-05-21T16:09:40.000Z",
    }


async def test_an_alert_is_resent_until_it_is_over() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            sender.finish("a")
            await until(lambda: len(receiver.taken) >= 3)
            sender.watch.clock.now = NOW + 14_400
            await until(lambda: receiver.posts[-3:] == [[], [], []])

    assert {alert["endsAt"] for alert in receiver.taken} == {"2025-05-21T16:10:00.000Z"}
    assert sender.send_loop.stats.sent == len(receiver.taken)
    assert sender.send_loop.pending == 0


async def test_with_no_active_alert_an_empty_request_is_sent() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            await until(lambda: len(receiver.posts) >= 3)

    assert receiver.posts[:3] == [[], [], []]
    assert sender.send_loop.stats.last_success == NOW
    assert not sender.send_loop.failing


async def test_what_was_active_before_the_start_is_sent_at_once() -> None:
    async with Receiver() as receiver:
        watch = Watch()
        watch.synced()
        watch.change(1001, crawl="a", status={"state": "failed", "finished": stamp(NOW)})
        sender = Sender(receiver.url, watch=watch)
        async with sender.running():
            await until(lambda: receiver.posts)

    assert crawls(receiver.posts) == [["a"]]


@pytest.mark.slow("ten thousand ends are recorded")
async def test_ten_thousand_ends_at_once_are_sent_in_batches() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url)
        for number in range(10_000):
            sender.finish(f"c{number}", "failed")
        assert sender.send_loop.pending == 10_000
        async with sender.running():
            await until(lambda: not sender.send_loop.pending)

    assert max(map(len, receiver.posts)) == LARGEST_BATCH
    assert len({alert["labels"]["crawl"] for alert in receiver.taken}) == 10_000
    assert sender.send_loop.stats.sent == 10_000


async def test_new_alerts_go_before_resends() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, resend=0.0)
        async with sender.running():
            for number in range(200):
                sender.finish(f"c{number}")
            await until(lambda: len(receiver.taken) > 400)
            before = len(receiver.posts)
            sender.finish("new")
            await until(lambda: ["new"] in crawls(receiver.posts))

        assert crawls(receiver.posts).index(["new"]) <= before + 1


async def test_an_alert_that_changes_in_flight_is_sent_as_it_is_then() -> None:
    async with Receiver(hangs=True) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.finish("a", at=-20)
            await until(lambda: receiver.seen)
            sender.finish("a", at=-40)
        receiver.hangs = False
        async with sender.running():
            await until(lambda: receiver.taken)

    assert [alert["startsAt"] for alert in receiver.taken] == ["2025-05-21T12:09:20.000Z"]


async def test_a_cancelled_request_loses_no_alert() -> None:
    async with Receiver(hangs=True) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.finish("a")
            await until(lambda: receiver.seen)
            assert sender.send_loop.pending == 1
        assert sender.send_loop.pending == 1


async def test_a_drain_waits_until_the_queue_is_sent() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            await until(lambda: receiver.posts)
            for number in range(3 * LARGEST_BATCH):
                sender.finish(f"c{number}")
            await sender.send_loop.drain(WAIT_TIMEOUT)

    assert len(receiver.taken) == 3 * LARGEST_BATCH


async def test_a_drain_does_not_wait_for_an_alertmanager_that_is_down() -> None:
    async with Receiver() as receiver:
        pass
    sender = Sender(receiver.url)
    async with sender.running():
        sender.finish("a")
        await until(lambda: sender.send_loop.failing)
        async with asyncio.timeout(WAIT_TIMEOUT):
            await sender.send_loop.drain(600.0)
