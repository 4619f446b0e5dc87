"""Alertmanagers that fail, hang or reject an alert: backoff and retries, and no alert is lost."""

import logging
from itertools import chain

import pytest

from support.alert_receiver import Receiver
from support.alert_sender import OFTEN, Sender, crawls
from support.crawl_history import NOW
from support.factories import NAMESPACE, OID
from support.waiting import until


@pytest.mark.parametrize("status", [500, 503, 429, 404, 401, 302])
async def test_a_failed_request_is_retried_and_no_alert_is_lost(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = {
        302: "redirected",
        401: "unauthorized",
        404: "not_found",
        429: "too_many_requests",
    }
    where = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
    async with Receiver(status=status, headers=where, body="no org id\nsecret") as receiver:
        sender = Sender(receiver.url)
        with caplog.at_level(logging.WARNING):
            async with sender.running():
                sender.finish("a")
                await until(lambda: len(receiver.seen) >= 4)
                sender.finish("b")
                assert sender.send_loop.failing
                assert sender.send_loop.pending == 2
                receiver.status = 200
                await until(lambda: not sender.send_loop.pending)

    assert sorted(chain.from_iterable(crawls(receiver.posts))) == ["a", "b"], "each once"
    assert sender.send_loop.stats.failures[reasons.get(status, "server_error")] >= 4
    assert not sender.send_loop.failing
    assert all("secret" not in str(vars(record)) for record in caplog.records)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"], "logged once"


async def test_a_closed_port_is_retried_until_it_opens() -> None:
    async with Receiver() as receiver:
        pass
    sender = Sender(receiver.url)
    async with sender.running():
        sender.finish("a")
        await until(lambda: sender.send_loop.stats.failures["unreachable"] >= 3)
        async with receiver:
            await until(lambda: receiver.taken)

    assert crawls(receiver.posts) == [["a"]]


async def test_an_alert_that_is_over_before_it_could_be_sent_is_not_sent() -> None:
    async with Receiver(status=500) as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            sender.finish("a")
            await until(lambda: receiver.seen)
            sender.watch.clock.now = NOW + 14_400
            assert sender.send_loop.pending == 0
            receiver.status = 200
            await until(lambda: receiver.posts)

    assert receiver.posts == [[]]


async def test_an_alertmanager_that_hangs_times_out_and_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.alerting.client.TIMEOUT", 0.1)
    async with Receiver(hangs=True) as hanging, Receiver() as well:
        one = Sender(hanging.url)
        other = Sender(well.url, watch=one.watch)
        async with one.running(), other.running():
            one.finish("a")
            await until(lambda: well.taken)
            await until(lambda: one.send_loop.stats.failures["timeout"] >= 2)
            assert one.send_loop.pending == 1
            hanging.hangs = False
            await until(lambda: hanging.taken)

    assert crawls(hanging.posts) == [["a"]]


async def test_a_rejected_alert_does_not_keep_back_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = [f"c{n}" for n in range(20)]
    async with Receiver() as receiver:
        receiver.refuses = lambda alert: alert["labels"]["crawl"] == "c7"
        sender = Sender(receiver.url)
        for name in names:
            sender.finish(name)
        with caplog.at_level(logging.WARNING):
            async with sender.running():
                await until(lambda: not sender.send_loop.pending)
                sent = len(receiver.seen)
                assert sender.send_loop.failing
                assert sender.send_loop.stats.sent == 19
                assert sender.send_loop.stats.rejected == 1

        assert sent < 2 * len(names)
        assert {alert["labels"]["crawl"] for alert in receiver.taken} == set(names) - {"c7"}
    (line,) = map(vars, caplog.records)
    assert "invalid label set" in line["error"]
    assert line["labels"] == f"{NAMESPACE}/{OID}/c7"


async def test_a_rejected_alert_is_tried_again_at_the_next_resend() -> None:
    async with Receiver() as receiver:
        receiver.refuses = lambda _: True
        sender = Sender(receiver.url, OFTEN)
        async with sender.running():
            sender.finish("a")
            await until(lambda: sender.send_loop.stats.rejected >= 2)
            receiver.refuses = lambda _: False
            await until(lambda: sender.send_loop.stats.sent)
            assert not sender.send_loop.failing


async def test_a_server_that_rejects_even_an_empty_request_is_no_alertmanager() -> None:
    async with Receiver(status=400, body="<html>") as receiver:
        sender = Sender(receiver.url)
        async with sender.running():
            await until(lambda: sender.send_loop.stats.failures["rejected"] >= 2)
            assert sender.send_loop.failing
            assert sender.send_loop.stats.rejected == 0
