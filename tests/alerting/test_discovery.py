"""Alertmanagers behind one name: each address is told, comes and leaves; on a scripted resolver."""

import logging
from itertools import chain

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.alerting.discovery import GRACE, INTERVAL, SHORTEST_INTERVAL, Schedule
from exporter.alerting.http_config import HTTPClientConfigError
from exporter.alerting.notifier import Notifier, NotifierSettings
from exporter.alerting.resolver import MOST_ADDRESSES, ResolutionError, Service
from exporter.history.ledger import Ledger
from exporter.metrics import SelfMetrics, catalog
from exporter.runtime.backoff import MOST, Backoff
from exporter.runtime.tasks import SupervisedTasks
from support.alert_receiver import Receiver
from support.alert_sender import SELDOM, crawls
from support.discovered import Discovered, ScriptedResolver
from support.waiting import until

ONE, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
NOBODY = 9
"""A port where nothing listens."""


def named(receiver: Receiver) -> str:
    return f"dns+http://am.test:{receiver.port}/prefix"


def told(receiver: Receiver) -> list[str]:
    return sorted(chain.from_iterable(crawls(receiver.posts)))


async def test_every_address_is_sent_every_alert_once() -> None:
    async with Receiver() as one, Receiver(OTHER, port=one.port) as other:
        found = Discovered(named(one), ScriptedResolver((ONE, OTHER)))
        found.finish("a")
        async with found.running():
            await until(lambda: told(one) == told(other) == ["a"])
            found.finish("b")
            await until(lambda: told(one) == told(other) == ["a", "b"])

    assert {request.path for request in one.seen} == {"/prefix/api/v2/alerts"}


async def test_an_address_that_comes_is_sent_what_is_active_and_one_that_leaves_nothing() -> None:
    async with (
        Receiver() as one,
        Receiver(OTHER, port=one.port) as other,
        Receiver(THIRD, port=one.port) as third,
    ):
        resolver = ScriptedResolver((ONE, OTHER))
        found = Discovered(named(one), resolver)
        async with found.running():
            found.finish("a")
            await until(lambda: told(one) == told(other) == ["a"])

            resolver.found = (THIRD, OTHER)
            found.resolve()
            await until(lambda: told(third) == ["a"])
            found.finish("b")
            await until(lambda: told(other) == told(third) == ["a", "b"])

            assert told(one) == ["a"]
            assert found.addresses == [f"{OTHER}:{one.port}", f"{THIRD}:{one.port}"]
            assert len(found.alerts.listeners) == 2, "nothing queues for the one that left"
            assert sorted(found.tasks.restarts) == [
                f"addresses of {named(one)}",
                *(f"alerts to {named(one)} at {address}" for address in found.addresses),
            ]


async def test_an_address_that_was_away_is_sent_all_that_became_active_meanwhile() -> None:
    async with Receiver() as one, Receiver(OTHER, port=one.port) as other:
        resolver = ScriptedResolver((ONE, OTHER))
        found = Discovered(named(one), resolver)
        async with found.running():
            await until(lambda: one.posts and other.posts)
            resolver.found = (ONE,)
            found.resolve()
            await until(lambda: len(found.addresses) == 1)
            found.finish("a")
            await until(lambda: told(one) == ["a"])
            resolver.found = (ONE, OTHER)
            found.resolve()
            await until(lambda: told(other) == ["a"])

    assert told(one) == ["a"], "not sent anew to the one that stayed"


@pytest.mark.parametrize("reason", ["timeout", "failed", "not_found"])
async def test_while_the_name_cannot_be_resolved_the_addresses_known_stay(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Receiver() as one:
        resolver = ScriptedResolver((ONE,))
        found = Discovered(named(one), resolver)
        with caplog.at_level(logging.WARNING):
            async with found.running():
                await until(lambda: one.posts)
                resolver.found = ResolutionError(reason, "am.test: no luck")
                found.resolve()
                await until(lambda: found.discovery.failures[reason] >= 3)
                found.finish("a")
                await until(lambda: told(one) == ["a"])
                assert not found.discovery.failing, "it is delivered"
                resolver.found = (ONE,)
                await until(lambda: len(caplog.records) == 2)

    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"], "once each"
    assert vars(caplog.records[0])["error"] == "am.test: no luck"
    assert len(one.posts) == 2, "its send loop was not begun anew"


async def test_a_name_without_addresses_yet_is_tried_again_and_loses_no_alert() -> None:
    async with Receiver() as one:
        resolver = ScriptedResolver()
        found = Discovered(named(one), resolver)
        async with found.running():
            found.finish("a")
            await until(lambda: found.discovery.failures["not_found"] >= 3)
            assert found.discovery.failing
            resolver.found = (ONE,)
            await until(lambda: told(one) == ["a"])
            assert not found.discovery.failing


async def test_a_name_that_has_no_addresses_for_long_has_none() -> None:
    async with Receiver() as one:
        resolver = ScriptedResolver((ONE,))
        schedule = Schedule(SELDOM, 0.0, 0.05, Backoff(0.01, 0.02))
        found = Discovered(named(one), resolver, schedule=schedule)
        async with found.running():
            await until(lambda: one.posts)
            resolver.found = ()
            found.resolve()
            await until(lambda: not found.addresses)
            assert found.discovery.failing


async def test_a_failed_request_has_the_name_resolved_at_once() -> None:
    async with Receiver() as one, Receiver(OTHER, port=one.port) as other:
        resolver = ScriptedResolver((ONE,))
        found = Discovered(named(one), resolver)
        async with found.running():
            await until(lambda: one.posts)
            assert len(resolver.asked) == 1
            resolver.found = (OTHER,)
            one.status = 503
            found.finish("a")
            await until(lambda: told(other) == ["a"])


async def test_an_alert_that_is_rejected_is_no_reason_to_resolve_the_name() -> None:
    async with Receiver() as one:
        one.refuses = lambda _: True
        resolver = ScriptedResolver((ONE,))
        found = Discovered(named(one), resolver)
        async with found.running():
            found.finish("a")
            await until(lambda: [loop.stats.rejected for loop in found.discovery.send_loops] == [1])

    assert resolver.asked == ["am.test"]


async def test_each_target_of_a_service_is_reached_at_its_own_port() -> None:
    async with Receiver() as one, Receiver() as other:
        resolver = ScriptedResolver(
            (
                Service("am-0.test", one.port, ONE),
                Service("am-1.test", other.port, ONE),
                Service("am-1-again.test", other.port, ONE),
            )
        )
        found = Discovered("dnssrv+http://_web._tcp.am.test", resolver)
        found.finish("a")
        async with found.running():
            await until(lambda: told(one) == told(other) == ["a"])

    assert resolver.asked == ["_web._tcp.am.test"]
    assert {request.host for request in one.seen} == {f"am-0.test:{one.port}"}
    assert {request.host for request in other.seen} == {f"am-1-again.test:{other.port}"}, "first"


async def test_a_fault_in_a_resolution_leaves_the_addresses_as_they_are() -> None:
    async with Receiver() as one:
        resolver = ScriptedResolver((ONE,))
        found = Discovered(named(one), resolver)
        async with found.running():
            await until(lambda: one.posts)
            resolver.found = RuntimeError("a fault of ours")
            found.resolve()
            await until(lambda: len(resolver.asked) >= 3)
            found.finish("a")
            await until(lambda: told(one) == ["a"])
            resolver.found = (ONE, OTHER)
            await until(lambda: len(found.addresses) == 2)


async def test_of_very_many_addresses_only_the_first_are_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    addresses = [f"127.0.1.{number}" for number in range(1, MOST_ADDRESSES + 3)]
    resolver = ScriptedResolver(addresses)
    found = Discovered(f"dns+http://am.test:{NOBODY}", resolver)
    async with found.running():
        await until(lambda: len(found.addresses) == MOST_ADDRESSES)
        await until(lambda: len(resolver.asked) >= 3)

    assert [record.message for record in caplog.records if "too many" in record.message] == [
        "Alertmanager's name has too many addresses, going on without the last ones"
    ]


async def test_the_series_of_an_address_come_and_go_with_it() -> None:
    url = f"dns+http://am.test:{NOBODY}"
    resolver = ScriptedResolver()
    found = Discovered(url, resolver)

    def served(name: str) -> dict[str, float]:
        own = SelfMetrics(catalog(), (), found.watch.ledger, found.notifier)
        text = generate_latest(own.registry).decode()
        return {
            sample.labels.get("address", sample.labels.get("reason", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"browsertrix_exporter_alertmanager_{name}"
            and sample.labels["alertmanager"] == url
        }

    assert served("failing") == {}, "nothing was tried yet"
    found.finish("a")
    async with found.running():
        await until(lambda: found.discovery.failing)
        assert served("failing") == {"": 1.0}
        assert served("pending_alerts") == {"": 1.0}
        assert served("addresses") == {"": 0.0}
        assert served("resolution_failures_total")["not_found"] >= 1.0
        assert served("resolution_failures_total")["timeout"] == 0.0

        resolver.found = (ONE, "::1")
        await until(lambda: len(found.addresses) == 2)
        await until(lambda: all(loop.failing for loop in found.discovery.send_loops))
        assert served("failing") == {f"{ONE}:{NOBODY}": 1.0, f"[::1]:{NOBODY}": 1.0}
        assert served("pending_alerts") == {f"{ONE}:{NOBODY}": 1.0, f"[::1]:{NOBODY}": 1.0}
        assert served("addresses") == {"": 2.0}

        resolver.found = ("::1",)
        found.resolve()
        await until(lambda: len(found.addresses) == 1)
        assert list(served("alerts_sent_total")) == [f"[::1]:{NOBODY}"]


def schedule() -> Schedule:
    return Schedule(backoff=Backoff(rng=lambda _, most: most))


def test_a_name_is_resolved_at_once_and_then_twice_a_minute() -> None:
    times = schedule()
    assert times.due == 0.0
    times.on_success(1000.0)
    assert times.due == 1000.0 + INTERVAL == 1030.0


def test_a_doubt_brings_the_next_resolution_forward_but_not_too_close_to_the_last() -> None:
    times = schedule()
    times.on_success(1000.0)
    times.on_doubt(1001.0)
    assert times.due == 1000.0 + SHORTEST_INTERVAL
    times.on_success(1005.0)
    times.on_doubt(1020.0)
    assert times.due == 1020.0
    times.on_doubt(1021.0)
    assert times.due == 1020.0


def test_failed_resolutions_become_less_frequent_but_no_rarer_than_others() -> None:
    times = schedule()
    waits = []
    for _ in range(10):
        times.on_failure(1000.0, missing=False)
        waits.append(times.due - 1000.0)
    assert waits[:3] == pytest.approx([0.8, 1.6, 3.2])
    assert waits[-1] == min(MOST, INTERVAL)
    times.on_success(2000.0)
    times.on_failure(2030.0, missing=True)
    assert times.due == pytest.approx(2030.8)


def test_a_name_has_no_addresses_once_nothing_else_was_answered_for_minutes() -> None:
    times = schedule()
    times.on_failure(1000.0, missing=True)
    times.on_failure(1000.0 + GRACE - 1, missing=True)
    assert not times.has_left(1000.0 + GRACE - 1)
    assert times.has_left(1000.0 + GRACE)

    times.on_failure(2000.0, missing=False)
    assert not times.has_left(2000.0 + GRACE), "nothing was answered at all"
    times.on_failure(3000.0, missing=True)
    times.on_success(3001.0)
    assert not times.has_left(3000.0 + GRACE)


async def test_plain_urls_and_names_are_notified_side_by_side() -> None:
    async with Receiver() as plain, Receiver(OTHER) as behind:
        urls = (plain.url, f"dns+http://am.test:{behind.port}")
        resolver = ScriptedResolver((OTHER,))
        notifier = Notifier(NotifierSettings(urls=urls), Ledger.open(), resolver)
        tasks = SupervisedTasks()
        notifier.start(tasks)
        await until(lambda: plain.posts and behind.posts)
        assert {(loop.endpoint.url, loop.endpoint.address) for loop in notifier.send_loops} == {
            (urls[0], ""),
            (urls[1], f"{OTHER}:{behind.port}"),
        }
        await notifier.drain()
        await tasks.cancel()


def test_a_proxy_that_cannot_be_used_is_refused_before_any_name_is_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1080")
    settings = NotifierSettings(urls=("dns+http://am.test:9093",))
    with pytest.raises(HTTPClientConfigError, match="HTTP_PROXY: SOCKS"):
        Notifier(settings, Ledger.open())
