"""Every Alertmanager is told, at once and again, whatever it does; and nobody waits for it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import pytest

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient, Letter
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.send_loop import LARGEST_BATCH, SendLoop
from exporter.alerting.template import Links
from exporter.runtime.backoff import Backoff
from exporter.simulator.encoding import stamp
from support.alert_receiver import Receiver, until
from support.crawl_history import NOW, Watch
from support.factories import NAMESPACE, OID

OFTEN = 0.05
"""Seconds between two times that an alert is told."""
SELDOM = 600.0


class Sender:
    """An exporter's notifier without the exporter, alertmanager_config one receiver."""

    def __init__(self, url: str, resend: float = SELDOM, watch: Watch | None = None) -> None:
        self.watch = watch or Watch()
        self.watch.synced()
        self.alerts = ActiveAlerts(self.watch.ledger, self.watch.clock)
        self.send_loop = SendLoop(
            AlertmanagerClient(url, Credentials(HTTPClientConfig())),
            Letter(Links(), {"cluster": "one"}),
            self.alerts,
            resend=resend,
            backoff=Backoff(0.01, 0.05),
        )
        self._versions = 1000

    def ends(self, crawl: str, state: str = "stopped_pause_expired", at: float = 0.0) -> None:
        self._versions += 1
        status = {"state": state, "finished": stamp(NOW + at)}
        self.watch.told(self._versions, crawl=crawl, status=status)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.send_loop.run())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def crawls(posts: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[alert["labels"]["crawl"] for alert in post] for post in posts]


async def test_an_alert_is_posted_as_the_api_takes_it() -> None:
    async with Receiver() as receiver:
        sender = Sender(f"{receiver.url}/prefix/")
        async with sender.running():
            sender.ends("a", at=-20)
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
            "description": f"Crawl a of organisation {OID} in {NAMESPACE} was paused until the "
            "pause limit and has been stopped for good. What it had archived is kept, the rest of "
            "its queue is lost.",
            "runbook_url": "docs/runbooks/BrowsertrixCrawlPauseExpired.md",
            "dashboard_url": f"/d/browsertrix-crawl?var-namespace={NAMESPACE}&var-crawl=a",
        },
        "startsAt": "2025-05-21T12:09:40.000Z",
        "endsAt": "2025-05-21T13:09:40.000Z",
    }


async def test_it_is_told_again_until_it_is_over() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            sender.ends("a")
            await until(lambda: len(receiver.taken) >= 3)
            sender.watch.clock.now = NOW + 3600
            await until(lambda: receiver.posts[-3:] == [[], [], []])

    assert {alert["endsAt"] for alert in receiver.taken} == {"2025-05-21T13:10:00.000Z"}
    assert sender.send_loop.stats.sent == len(receiver.taken)
    assert sender.send_loop.pending == 0


async def test_with_nothing_to_tell_it_is_asked_all_the_same() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            await until(lambda: len(receiver.posts) >= 3)

    assert receiver.posts[:3] == [[], [], []]
    assert sender.send_loop.stats.last_success == NOW
    assert not sender.send_loop.failing


async def test_what_was_open_before_the_start_is_told_at_once() -> None:
    async with Receiver() as receiver:
        watch = Watch()
        watch.synced()
        watch.told(1001, crawl="a", status={"state": "failed", "finished": stamp(NOW)})
        sender = Sender(receiver.url, watch=watch)
        async with sender.running():
            await until(lambda: receiver.posts)

    assert crawls(receiver.posts) == [["a"]]


@pytest.mark.parametrize("status", [500, 503, 429, 404, 401, 302])
async def test_a_failure_is_tried_again_and_nothing_is_lost(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = {
        302: "redirected",
        401: "unauthorized",
        404: "not_found",
        429: "too_many_requests",
    }
    where = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
    async with Receiver(status=status, headers=where, body="secret") as receiver:
        sender = Sender(receiver.url)
        with caplog.at_level(logging.WARNING):
            async with sender.running():
                sender.ends("a")
                await until(lambda: len(receiver.seen) >= 4)
                sender.ends("b")
                assert sender.send_loop.failing
                assert sender.send_loop.pending == 2
                receiver.status = 200
                await until(lambda: not sender.send_loop.pending)

    assert sorted(chain.from_iterable(crawls(receiver.posts))) == ["a", "b"], "each once"
    assert sender.send_loop.stats.failures[reasons.get(status, "server_error")] >= 4
    assert not sender.send_loop.failing
    assert "secret" not in caplog.text
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"], "said once"


async def test_a_closed_port_is_tried_until_it_opens() -> None:
    async with Receiver() as receiver:
        pass
    sender = Sender(receiver.url)
    async with sender.running():
        sender.ends("a")
        await until(lambda: sender.send_loop.stats.failures["unreachable"] >= 3)
        async with receiver:
            await until(lambda: receiver.taken)

    assert crawls(receiver.posts) == [["a"]]


async def test_what_is_over_before_it_could_be_told_is_not_told() -> None:
    async with Receiver(status=500) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.ends("a")
            await until(lambda: receiver.seen)
            sender.watch.clock.now = NOW + 3600
            assert sender.send_loop.pending == 0
            receiver.status = 200
            await until(lambda: receiver.posts)

    assert receiver.posts == [[]]


async def test_one_that_hangs_is_given_up_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.alerting.client.TIMEOUT", 0.1)
    async with Receiver(hangs=True) as hanging, Receiver() as well:
        one = Sender(hanging.url)
        other = Sender(well.url, watch=one.watch)
        async with one.running(), other.running():
            one.ends("a")
            await until(lambda: well.taken)
            await until(lambda: one.send_loop.stats.failures["timeout"] >= 2)
            assert one.send_loop.pending == 1
            hanging.hangs = False
            await until(lambda: hanging.taken)

    assert crawls(hanging.posts) == [["a"]]


async def test_one_that_is_refused_does_not_keep_back_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = [f"c{n}" for n in range(20)]
    async with Receiver() as receiver:
        receiver.refuses = lambda alert: alert["labels"]["crawl"] == "c7"
        sender = Sender(receiver.url)
        for name in names:
            sender.ends(name)
        with caplog.at_level(logging.WARNING):
            async with sender.running():
                await until(lambda: not sender.send_loop.pending)
                sent = len(receiver.seen)
                assert sender.send_loop.failing
                assert sender.send_loop.stats.sent == 19
                assert sender.send_loop.stats.rejected == 1

        assert sent < 2 * len(names)
        assert {alert["labels"]["crawl"] for alert in receiver.taken} == set(names) - {"c7"}
    (line,) = caplog.records
    assert "invalid label set" in line.getMessage()
    assert vars(line)["of"] == f"{NAMESPACE}/{OID}/c7"


async def test_one_that_is_refused_is_tried_again_with_the_next_round() -> None:
    async with Receiver() as receiver:
        receiver.refuses = lambda _: True
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            sender.ends("a")
            await until(lambda: sender.send_loop.stats.rejected >= 2)
            receiver.refuses = lambda _: False
            await until(lambda: sender.send_loop.stats.sent)
            assert not sender.send_loop.failing


async def test_a_place_that_refuses_even_nothing_is_no_alertmanager() -> None:
    async with Receiver(status=400, body="<html>") as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            await until(lambda: sender.send_loop.stats.failures["rejected"] >= 2)
            assert sender.send_loop.failing
            assert sender.send_loop.stats.rejected == 0


async def test_ten_thousand_ends_at_once_are_told_in_batches_and_hold_up_nobody() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url)
        for number in range(10_000):
            sender.ends(f"c{number}", "failed")
        assert sender.send_loop.pending == 10_000
        async with sender.running():
            await until(lambda: not sender.send_loop.pending)

    assert max(map(len, receiver.posts)) == LARGEST_BATCH
    assert len({alert["labels"]["crawl"] for alert in receiver.taken}) == 10_000
    assert sender.send_loop.stats.sent == 10_000


async def test_new_ones_go_before_those_told_again() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, resend=0.0)
        async with sender.running():
            for number in range(200):
                sender.ends(f"c{number}")
            await until(lambda: len(receiver.taken) > 400)
            before = len(receiver.posts)
            sender.ends("new")
            await until(lambda: ["new"] in crawls(receiver.posts))

        assert crawls(receiver.posts).index(["new"]) <= before + 1


async def test_an_alert_that_changes_on_its_way_is_told_as_it_is_then() -> None:
    async with Receiver(hangs=True) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.ends("a", at=-20)
            await until(lambda: receiver.seen)
            sender.ends("a", at=-40)
        receiver.hangs = False
        async with sender.running():
            await until(lambda: receiver.taken)

    assert [alert["startsAt"] for alert in receiver.taken] == ["2025-05-21T12:09:20.000Z"]


async def test_a_cancelled_delivery_loses_nothing() -> None:
    async with Receiver(hangs=True) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.ends("a")
            await until(lambda: receiver.seen)
            assert sender.send_loop.pending == 1
        assert sender.send_loop.pending == 1


async def test_an_end_waits_for_what_happened_right_before_it() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            await until(lambda: receiver.posts)
            for number in range(3 * LARGEST_BATCH):
                sender.ends(f"c{number}")
            await sender.send_loop.drain(20.0)

    assert len(receiver.taken) == 3 * LARGEST_BATCH


async def test_an_end_does_not_wait_for_one_that_is_down() -> None:
    async with Receiver() as receiver:
        pass
    sender = Sender(receiver.url)
    async with sender.running():
        sender.ends("a")
        await until(lambda: sender.send_loop.failing)
        async with asyncio.timeout(10.0):
            await sender.send_loop.drain(600.0)
