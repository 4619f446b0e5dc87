"""With a real Alertmanager: whichever way an event comes, and however often, it notifies once.

So also where metacontroller tells of it, to an exporter that does not watch.

The cluster and metacontroller are the simulator's, the rest is real: the exporter as a process,
Alertmanager with the committed routes (but events are grouped by crawl, so that each is counted,
with ``group_wait: 0s`` and a ``group_interval`` of a second, so that what would notify twice does
so within the test), Prometheus with the committed rules.
"""

import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.commands.demo.configurations import RULES, prometheus_config, shipped
from exporter.commands.demo.programs import free_port
from exporter.commands.demo.receiver import receiver
from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.encoding import stamp
from support.alertmanager import alertmanager, event_alerts_in, flushed_again, routes_by_crawl
from support.crawl_writes import delete_crawl, patch_status
from support.exporter_process import Start
from support.factories import crawler_pod, crawljob
from support.hook_calls import calling, hook_flags
from support.inbox import Inbox
from support.prometheus import prometheus
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)

PAUSE_EXPIRED: Final = "BrowsertrixCrawlPauseExpired"
SIZE_LIMIT: Final = "BrowsertrixCrawlSizeLimitReached"
EVICTED: Final = "BrowsertrixPodEvicted"
OUT_OF_SPACE: Final = "BrowsertrixPodOutOfSpace"
FAILED: Final = "BrowsertrixCrawlFailed"

_EVALUATIONS: Final = (
    'min(count_over_time(ALERTS{event="true",alertname!~".*Failed"}[1h])) >= bool 5'
)


@pytest.fixture(params=["watch", "metacontroller"])
async def start(
    request: pytest.FixtureRequest, start: Start, cluster: Cluster
) -> AsyncIterator[Start]:
    """Start exporters that learn of crawls this way."""
    if request.param == "watch":
        yield start
        return
    port = free_port()

    async def starting(kubeconfig: Path, *flags: str) -> Any:
        return await start(kubeconfig, *hook_flags(port), *flags)

    async with calling(cluster, port):
        yield starting


def begin(cluster: Cluster, *crawls: str) -> None:
    for crawl in crawls:
        cluster.create(crawljob(crawl=crawl, pods={f"crawl-{crawl}-0": crawler_pod()}))


def finish(cluster: Cluster, crawl: str, state: str, **status: Any) -> None:
    patch_status(cluster, crawl, state=state, finished=stamp(time.time()), **status)


def by_identity(alerts: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(one["labels"]["alertname"], one["labels"]["crawl"]): one for one in alerts}
    assert len(found) == len(alerts), "an alert of the rule has other labels than the posted one"
    return found


async def test_rule_and_exporter_together_notify_once(
    server: ApiServer,
    cluster: Cluster,
    start: Start,
    say: Callable[[str], None],
    *,
    edition: Edition,
    tmp_path: Path,
) -> None:
    edition.require("prometheus")
    inbox = Inbox("alertname", "crawl")
    quick = [f"quick-{n}" for n in range(20)]
    begin(cluster, "paused", "large", "evicted", "full", "last", *quick)
    async with receiver(inbox.take) as webhook:
        with alertmanager(edition, routes_by_crawl(webhook), tmp_path) as url:
            exporter = await start(
                server.write_kubeconfig(tmp_path / "kubeconfig"),
                *("--alertmanager.url", url, "--alertmanager.label", "region=here"),
                *("--history.path", str(tmp_path / "history.db")),
            )
            await exporter.until_ready()

            finish(cluster, "paused", "stopped_pause_expired", stopReason="stopped_pause_expired")
            finish(cluster, "large", "complete", stopReason="size-limit")
            full = {"exitTime": stamp(time.time()), "exitCode": 3, "reason": "interrupt: 3"}
            patch_status(cluster, "full", podStatus={"crawl-full-0": crawler_pod(**full)})
            patch_status(
                cluster, "evicted", podStatus={"crawl-evicted-0": crawler_pod(evicted=True)}
            )
            expected = {
                (PAUSE_EXPIRED, "paused"),
                (SIZE_LIMIT, "large"),
                (OUT_OF_SPACE, "full"),
                (EVICTED, "evicted"),
            }
            await until(lambda: expected <= set(inbox.at), within=PROCESS_TIMEOUT)
            posted = by_identity(await event_alerts_in(url))
            assert set(posted) == expected

            watching = prometheus_config(
                [exporter.url], "1s", rules=shipped(RULES), alertmanager=url
            )
            watching["global"]["external_labels"] = {"region": "here"}
            async with prometheus(
                edition, watching, tmp_path, "--rules.alert.resend-delay=1s"
            ) as prom:
                found: dict[tuple[str, str], dict[str, Any]] = {}

                async def all_have_come_both_ways() -> bool:
                    nonlocal found
                    found = by_identity(await event_alerts_in(url))
                    return bool(found) and all(one.get("generatorURL") for one in found.values())

                await until(all_have_come_both_ways, every=0.2, within=PROCESS_TIMEOUT)
                firing = await prom.query('ALERTS{event="true"}')
                assert len(firing) == len(expected)

                # Both ways go on meanwhile: a group may notify again every second.
                waits = []
                for crawl in quick:
                    begun = time.time()
                    finish(cluster, crawl, "failed")
                    waits.append(await inbox.first(FAILED, crawl) - begun)
                await prom.until(_EVALUATIONS, 1)
                finish(cluster, "last", "failed")
                await inbox.first(FAILED, "last")

    everything = expected | {(FAILED, crawl) for crawl in (*quick, "last")}
    assert inbox.counts == dict.fromkeys(everything, 1)
    for what in expected:
        assert found[what]["labels"] == posted[what]["labels"]
        assert found[what]["annotations"] == posted[what]["annotations"]
        assert found[what]["startsAt"] == posted[what]["startsAt"]
        assert found[what]["endsAt"] >= posted[what]["endsAt"]
        assert found[what]["labels"]["region"] == "here"
    say(
        "Pages without Prometheus: from a crawl's end to the webhook median "
        f"{statistics.median(waits) * 1000:.0f} ms, at most {max(waits) * 1000:.0f} ms"
    )
    assert min(waits) < 1.0


async def test_an_alertmanager_that_was_down_notifies_once_all_the_same(
    server: ApiServer, cluster: Cluster, start: Start, edition: Edition, tmp_path: Path
) -> None:
    inbox = Inbox("alertname", "crawl")
    begin(cluster, "paused", "large", "good", "later", "last")
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    port = free_port()
    flags = (
        *("--alertmanager.url", f"http://127.0.0.1:{port}"),
        *("--history.path", str(tmp_path / "history.db")),
    )
    exporter = await start(kubeconfig, *flags)
    await exporter.until_ready()

    finish(cluster, "paused", "stopped_pause_expired")
    finish(cluster, "large", "complete", stopReason="size-limit")
    finish(cluster, "good", "complete")
    await exporter.until(
        lambda scrape: (
            scrape.value("browsertrix_exporter_alertmanager_pending_alerts") == 2
            and scrape.value("browsertrix_exporter_alertmanager_failing") == 1
        )
    )
    for crawl in ("paused", "large", "good"):
        delete_crawl(cluster, crawl)
    await exporter.until(lambda scrape: not scrape.of("browsertrix_crawl_info", crawl="paused"))
    exporter.process.kill()
    await exporter.process.wait()
    finish(cluster, "later", "stopped_pause_expired")  # while no exporter watches

    expected = {(PAUSE_EXPIRED, "paused"), (SIZE_LIMIT, "large"), (PAUSE_EXPIRED, "later")}
    async with receiver(inbox.take) as webhook:
        exporter = await start(kubeconfig, *flags)
        await exporter.until_ready()
        with alertmanager(edition, routes_by_crawl(webhook), tmp_path, port=port) as url:
            await until(lambda: expected <= set(inbox.at), within=PROCESS_TIMEOUT)
            await flushed_again(url, len(expected))
        # Alertmanager forgets all alerts when it is restarted, but not whom it has notified.
        with alertmanager(edition, routes_by_crawl(webhook), tmp_path, port=port) as url:
            exporter.process.terminate()
            assert await exporter.process.wait() == 0
            exporter = await start(kubeconfig, *flags)

            async def has_all_again() -> bool:
                return set(by_identity(await event_alerts_in(url))) == expected

            await until(has_all_again, every=0.1, within=PROCESS_TIMEOUT)
            finish(cluster, "last", "failed")
            await inbox.first(FAILED, "last")

    assert inbox.counts == dict.fromkeys(expected | {(FAILED, "last")}, 1)
