"""With a real Prometheus and Alertmanager: what restarts, is away, lies or comes by the hundred.

The exporters are scripted, so that every kind of alert fires within seconds; rules and routes are
the committed ones, but evaluated each second, with groups flushed each second: what would notify
twice does so within the test.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import aiohttp.web
import pytest
import yaml

from exporter import cli
from exporter.commands.demo.configurations import (
    ROUTES,
    alertmanager_config,
    prometheus_config,
    shipped,
)
from exporter.commands.demo.programs import free_port
from exporter.commands.demo.receiver import Notification, receiver
from support.alertmanager import alertmanager
from support.prometheus import Prometheus, prometheus
from support.rules import ALERTS
from support.scripted_exporter import ScriptedExporter, Series
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", timeout=420, waits=True)

DAY: Final = 86_400
HOUR: Final = 3600


def crawl(name: str, oid: str = "o1") -> str:
    return f'namespace="crawlers",oid="{oid}",crawl="{name}"'


class Conditions:
    """Series of a fleet in which every alert that needs no ``for`` fires, by alert."""

    def __init__(self) -> None:
        now = time.time()
        self.started = now
        since = "browsertrix_crawl_state_since_timestamp_seconds"
        going = "browsertrix_crawl_transition_since_timestamp_seconds"
        finished = "browsertrix_crawl_finished_timestamp_seconds"
        expires = "browsertrix_crawl_pause_expires_timestamp_seconds"
        pod = f'{crawl("p1")},pod="crawl-p1-0"'
        self.by_alert: dict[str, Series] = {
            "BrowsertrixCrawlWaitingForCapacity": {
                f'{since}{{{crawl("w1")},state="waiting_capacity"}}': now - HOUR
            },
            "BrowsertrixCrawlWaitingForOrgLimit": {
                f'{since}{{{crawl("w2")},state="waiting_org_limit"}}': now - DAY
            },
            "BrowsertrixCrawlWaitingForDedupeIndex": {
                f'{since}{{{crawl("w3")},state="waiting_dedupe_index"}}': now - DAY
            },
            "BrowsertrixCrawlStartingTooLong": {
                f'{since}{{{crawl("w4")},state="starting"}}': now - HOUR
            },
            "BrowsertrixCrawlNoProgress": {
                f"browsertrix_crawl_progress_timestamp_seconds{{{crawl('r1')}}}": now - 2 * HOUR
            },
            "BrowsertrixCrawlUploadingTooLong": {
                f'{since}{{{crawl("r2")},state="uploading-wacz"}}': now - 3 * HOUR
            },
            "BrowsertrixCrawlRateLimitedTooLong": {
                f"browsertrix_crawl_rate_limited_timestamp_seconds{{{crawl('r3')}}}": now
                - 2 * HOUR,
                f'browsertrix_crawl_state{{{crawl("r3")},state="rate-limited"}}': 1,
            },
            "BrowsertrixCrawlPausingTooLong": {
                f'{going}{{{crawl("t1")},transition="pausing"}}': now - HOUR
            },
            "BrowsertrixCrawlResumingTooLong": {
                f'{going}{{{crawl("t2")},transition="resuming"}}': now - HOUR
            },
            "BrowsertrixCrawlStoppingTooLong": {
                f'{going}{{{crawl("t3")},transition="stopping"}}': now - 2 * HOUR
            },
            "BrowsertrixCrawlNotDeleted": {
                f'{finished}{{{crawl("e0")},state="complete",stop_reason=""}}': now - HOUR,
                f'browsertrix_crawl_state{{{crawl("e0")},state="complete"}}': 1,
            },
            "BrowsertrixCrawlPauseExpiresInADay": {f"{expires}{{{crawl('z1')}}}": now + DAY / 2},
            "BrowsertrixCrawlPauseExpiresInAnHour": {f"{expires}{{{crawl('z2')}}}": now + HOUR / 2},
            "BrowsertrixCrawlPauseOverdue": {f"{expires}{{{crawl('z3')}}}": now - HOUR},
            "BrowsertrixCrawlPausedByQuota": self._paused("q1", "paused_time_quota_reached", now),
            "BrowsertrixCrawlPausedByReadOnlyOrg": self._paused("q2", "paused_org_readonly", now),
            "BrowsertrixCrawlPausedByRateLimit": self._paused(
                "q3", "paused_rate_limit_time_reached", now
            ),
            "BrowsertrixCrawlSizeLimitNear": {
                f"browsertrix_crawl_size_bytes{{{crawl('l1')}}}": 95.0,
                f"browsertrix_crawl_size_limit_bytes{{{crawl('l1')}}}": 100.0,
                f'browsertrix_crawl_state{{{crawl("l1")},state="running"}}': 1,
            },
            "BrowsertrixCrawlTimeLimitNear": {
                f"browsertrix_crawl_elapsed_seconds{{{crawl('l2')}}}": 95.0,
                f"browsertrix_crawl_timeout_seconds{{{crawl('l2')}}}": 100.0,
                f'browsertrix_crawl_state{{{crawl("l2")},state="running"}}': 1,
            },
            "BrowsertrixPodStorageNearLimit": {
                f"browsertrix_pod_storage_usage_ratio{{{pod}}}": 0.95
            },
            "BrowsertrixPodEvicted": {
                f"browsertrix_pod_evicted_timestamp_seconds{{{pod}}}": now - 60
            },
            "BrowsertrixPodOOMKilled": {
                f"browsertrix_pod_oom_killed_timestamp_seconds{{{pod}}}": now - 60
            },
            "BrowsertrixPodCrashLoop": {
                f"browsertrix_pod_backoff_since_timestamp_seconds{{{pod}}}": now - HOUR
            },
            "BrowsertrixPodRestartPendingTooLong": {
                "browsertrix_pod_restart_pending_since_timestamp_seconds"
                f'{{{pod},reason="newMemory"}}': now - HOUR
            },
            "BrowsertrixExporterWatchStale": {
                'browsertrix_exporter_last_sync_timestamp_seconds{scope="other"}': now - HOUR
            },
            "BrowsertrixExporterLabelsRenamed": {
                'browsertrix_crawls{namespace="m",exported_namespace="c",state="failed"}': 0
            },
        }
        for name, state, reason in (
            ("PauseExpired", "stopped_pause_expired", "stopped_pause_expired"),
            ("PauseExpiredUnseen", "unknown", "stopped_pause_expired"),
            ("SizeLimitReached", "complete", "size-limit"),
            ("TimeLimitReached", "complete", "time-limit"),
            ("StorageQuotaReached", "stopped_storage_quota_reached", ""),
            ("TimeQuotaReached", "stopped_time_quota_reached", ""),
            ("OrgReadOnly", "stopped_org_readonly", ""),
            ("Failed", "failed", ""),
            ("FailedNotLoggedIn", "failed_not_logged_in", ""),
            ("Vanished", "unknown", ""),
        ):
            series = f'{finished}{{{crawl(name)},state="{state}",stop_reason="{reason}"}}'
            self.by_alert[f"BrowsertrixCrawl{name}"] = {series: now - 30}
        deleted = f'{finished}{{{crawl("d1")},state="unknown",stop_reason="deleted"}}'
        self.by_alert["BrowsertrixOrgCrawlsDeleted"] = {deleted: now - 30}

    @staticmethod
    def _paused(name: str, reason: str, now: float) -> Series:
        return {
            f'browsertrix_crawl_stop_reason{{{crawl(name)},stop_reason="{reason}"}}': 1,
            f'browsertrix_crawl_state_since_timestamp_seconds{{{crawl(name)},state="paused"}}': now
            - HOUR,
        }

    def series(self) -> Series:
        found: Series = {
            'browsertrix_exporter_build_info{version="1"}': 1,
            'browsertrix_exporter_last_sync_timestamp_seconds{scope="crawlers"}': time.time(),
        }
        for series in self.by_alert.values():
            found |= series
        return found


class Group:
    """Notifications as Alertmanager posts them: each a list of alerts."""

    def __init__(self) -> None:
        self.alerts: list[Notification] = []

    def take(self, notification: Notification) -> None:
        self.alerts.append(notification)

    @property
    def firing(self) -> Counter[str]:
        return Counter(one.labels["alertname"] for one in self.alerts if one.firing)

    @property
    def resolved(self) -> set[str]:
        return {one.labels["alertname"] for one in self.alerts if not one.firing}


def rules_file(folder: Path, *flags: str) -> Path:
    """The rules with these flags, all of them evaluated as often as Prometheus is told."""
    file = folder / "rules.yaml"
    assert cli.main(["rules", "--output", str(file), *flags]) == 0
    rules = yaml.safe_load(file.read_text())
    for group in rules["groups"]:
        group.pop("interval", None)
    file.write_text(yaml.safe_dump(rules, sort_keys=False))
    return file


def eager_routes(url: str) -> dict[str, Any]:
    """The committed routes, each crawl and pod notified of for itself, at once and each second."""
    routes = alertmanager_config(shipped(ROUTES), url)
    (ours,) = routes["route"]["routes"]

    def hurry(route: dict[str, Any]) -> None:
        route |= {
            "group_by": ["alertname", "namespace", "oid", "crawl", "pod", "scope", "instance"],
            "group_wait": "0s",
            "group_interval": "1s",
        }
        for inner in route.get("routes", ()):
            hurry(inner)

    hurry(ours)
    # What is inhibited does not notify: here each kind is looked at for itself.
    return routes | {"inhibit_rules": []}


async def firing(prom: Prometheus) -> set[str]:
    found = await prom.query('ALERTS{alertstate="firing"}')
    return {dict(labels)["alertname"] for labels in found}


async def evaluated(prom: Prometheus, times: int) -> None:
    """Wait until all groups were evaluated so many times more."""
    wanted = await _evaluations(prom) + times

    async def enough() -> bool:
        return await _evaluations(prom) >= wanted

    await until(enough, every=0.2, within=PROCESS_TIMEOUT)


async def _evaluations(prom: Prometheus) -> float:
    counts = [
        float(line.rpartition(" ")[2])
        for line in (await prom.metrics()).splitlines()
        if line.startswith("prometheus_rule_evaluations_total{")
    ]
    sizes = [
        float(line.rpartition(" ")[2])
        for line in (await prom.metrics()).splitlines()
        if line.startswith("prometheus_rule_group_rules{")
    ]
    return sum(counts) / max(1.0, sum(sizes))


async def test_what_fires_is_notified_of_once_through_restarts_and_gaps(
    edition: Edition, tmp_path: Path
) -> None:
    """Prometheus is killed and comes back, then the exporter is away, then both at once."""
    edition.require("prometheus")
    conditions, group = Conditions(), Group()
    needs_a_for = {alert.name for alert in ALERTS if alert.for_}
    assert not conditions.by_alert.keys() & needs_a_for
    expected = set(conditions.by_alert)
    async with AsyncExitStack() as stack:
        exporter = await stack.enter_async_context(ScriptedExporter(conditions.series).serving())
        webhook = await stack.enter_async_context(receiver(group.take))
        url = stack.enter_context(alertmanager(edition, eager_routes(webhook), tmp_path))
        config = prometheus_config(
            [exporter.url], "1s", rules=rules_file(tmp_path), alertmanager=url
        )
        port = free_port()
        async with prometheus(edition, config, tmp_path, port=port):
            await until(
                lambda: expected <= set(group.firing),
                within=PROCESS_TIMEOUT,
                otherwise=lambda: f"not notified of: {expected - set(group.firing)}",
            )
        await asyncio.sleep(1)  # it is away for a while; that is what this is about
        async with prometheus(edition, config, tmp_path, port=port) as prom:
            await until(lambda: _all_fire(prom, expected), every=0.2, within=PROCESS_TIMEOUT)
            await evaluated(prom, 3)
            exporter.away = True
            await prom.until("sum(up)", 0)
            await evaluated(prom, 5)
            assert await firing(prom) >= expected
        async with prometheus(edition, config, tmp_path, port=port) as prom:
            await prom.until("sum(up)", 0)
            exporter.away = False
            await until(lambda: _all_fire(prom, expected), every=0.2, within=PROCESS_TIMEOUT)
            await evaluated(prom, 5)

    each = Counter(tuple(sorted(one.labels.items())) for one in group.alerts)
    assert each == dict.fromkeys(each, 1)
    assert set(group.firing) == expected
    assert group.resolved == set()


async def _all_fire(prom: Prometheus, expected: set[str]) -> bool:
    return await firing(prom) >= expected


async def test_a_stale_replica_does_not_speak_and_an_outage_begins_and_ends_nothing(
    edition: Edition, tmp_path: Path
) -> None:
    """Minutes are seconds here: thresholds are set, as a user would set them."""
    edition.require("prometheus")
    since = "browsertrix_crawl_state_since_timestamp_seconds"
    began = time.time()
    fired_long, soon = crawl("long"), crawl("soon")
    state: dict[str, Any] = {"a": True, "b": True, "moved on": False}
    last_sync = {"a": began, "b": began}

    def series(name: str) -> Series:
        if state[name]:
            last_sync[name] = time.time()
        found: Series = {
            'browsertrix_exporter_build_info{version="1"}': 1,
            'browsertrix_exporter_synced{scope="crawlers"}': 1,
            'browsertrix_exporter_last_sync_timestamp_seconds{scope="crawlers"}': last_sync[name],
            f'{since}{{{fired_long},state="waiting_capacity"}}': began - HOUR,
        }
        knows = state["moved on"] and state[name]
        if not knows:  # the crawl that has gone on since is still waiting to who is blind
            found[f'{since}{{{soon},state="waiting_capacity"}}'] = state.get("soon", began)
        return found

    group = Group()
    async with AsyncExitStack() as stack:
        pair = [
            await stack.enter_async_context(
                ScriptedExporter(lambda name=name: series(name)).serving()  # type: ignore[misc]
            )
            for name in ("a", "b")
        ]
        webhook = await stack.enter_async_context(receiver(group.take))
        url = stack.enter_context(alertmanager(edition, eager_routes(webhook), tmp_path))
        rules = rules_file(
            tmp_path,
            *("--set", "CAPACITY_HOLD=20s", "--set", "BLIND_AFTER=4s"),
            *("--set", "OUTDATED_AFTER=4s", "--set", "WATCH_STALE=8s", "--set", "BRIDGE=5s"),
        )
        config = prometheus_config([one.url for one in pair], "1s", rules=rules, alertmanager=url)
        prom = await stack.enter_async_context(prometheus(edition, config, tmp_path))
        await prom.until("count(up == 1)", 2)
        state["soon"] = time.time()
        state["b"] = False  # b's watch is dead from now on, and it says "waiting" for ever
        await prom.until("count(instance_namespace:browsertrix_exporter_outdated:lag_seconds)", 1)
        state["moved on"] = True
        await prom.until('count(ALERTS{alertname="BrowsertrixExporterReplicaStale"})', 1)
        await prom.until(f"vector(time() - {state['soon']} > bool 25)", 1)
        assert await prom.query(f'ALERTS{{alertname=~"BrowsertrixCrawl.+",{soon}}}') == {}
        stale = await prom.query('ALERTS{alertname="BrowsertrixExporterReplicaStale"}')
        assert {dict(labels)["instance"] for labels in stale} == {pair[1].url[7:]}

        state |= {"moved on": False, "soon": time.time(), "a": False}  # now nobody knows anything
        await prom.until(
            'count(ALERTS{alertname="BrowsertrixExporterWatchStale",alertstate="firing"})', 1
        )
        await prom.until(f"vector(time() - {state['soon']} > bool 25)", 1)
        assert await prom.query(f'ALERTS{{alertname=~"BrowsertrixCrawl.+",{soon}}}') == {}
        assert len(await prom.query(f'ALERTS{{alertname=~"BrowsertrixCrawl.+",{fired_long}}}')) == 1
        state |= {"a": True, "b": True}  # and it has been waiting all the time
        await prom.until(
            f'count(ALERTS{{alertname="BrowsertrixCrawlWaitingForCapacity",{soon}}})', 1
        )
        await evaluated(prom, 3)

    crawls = Counter(one.labels["crawl"] for one in group.alerts if "crawl" in one.labels)
    assert crawls == {"long": 1, "soon": 1}


@pytest.mark.parametrize(("orgs", "each"), [(1, 200), (100, 100)])
async def test_a_storm_is_a_notification_for_each_organisation_that_lists_all(
    edition: Edition, tmp_path: Path, orgs: int, each: int
) -> None:
    """Posted in batches, as the exporter does; the committed routes, ten times as fast."""
    posts: list[list[str]] = []

    async def take(request: aiohttp.web.Request) -> aiohttp.web.Response:
        message = await request.json()
        posts.append([alert["labels"]["crawl"] for alert in message["alerts"]])
        return aiohttp.web.Response()

    app = aiohttp.web.Application(client_max_size=2**26)
    app.router.add_post("/{receiver}", take)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        routes = alertmanager_config(shipped(ROUTES), f"http://127.0.0.1:{runner.addresses[0][1]}")
        (ours,) = routes["route"]["routes"]
        (events, *_) = ours["routes"]
        for route in (events, *events["routes"]):
            route["group_wait"], route["group_interval"] = "3s", "30s"
        with alertmanager(edition, routes, tmp_path) as url:
            await _post(url, orgs, each)
            await until(
                lambda: sum(map(len, posts)) >= orgs * each, every=0.1, within=PROCESS_TIMEOUT
            )
            await asyncio.sleep(2)  # another one would have come by now
    finally:
        await runner.cleanup()

    assert len(posts) == orgs
    assert all(len(set(post)) == each for post in posts)


async def _post(url: str, orgs: int, each: int) -> None:
    now = datetime.now(UTC).isoformat()
    alerts = [
        {
            "labels": {
                "alertname": "BrowsertrixCrawlPauseExpired",
                "severity": "critical",
                "event": "true",
                "namespace": "crawlers",
                "oid": f"o{org}",
                "crawl": f"c{number}",
            },
            "startsAt": now,
        }
        for org, number in itertools.product(range(orgs), range(each))
    ]
    async with aiohttp.ClientSession() as session:
        for batch in range(0, len(alerts), 64):
            body = json.dumps(alerts[batch : batch + 64])
            async with session.post(
                f"{url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}
            ) as response:
                assert response.status == 200
