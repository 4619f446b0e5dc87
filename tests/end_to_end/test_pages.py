"""Simulator, exporters, Prometheus, Alertmanager, webhook: a bad end notifies once, no other does.

The installation of this test. Everything is real but Browsertrix and its cluster: processes that
talk HTTP. Every scenario of the simulator runs, six hundred times as fast as in reality, many of
those that a person is paged for, and now and then a status steps back, as Browsertrix' does; paused
crawls expire after four seconds. A CrawlJob is deleted a tenth of a second after its end. All rules
as committed are loaded; every second Prometheus scrapes a pair of exporters, each with a ledger of
its own, and evaluates (the groups that say so once a minute). Alertmanager has the routes as
committed, with a webhook for every receiver. Only ``group_interval`` is shorter, a second for five
minutes: what notifies twice does so within the test. And Prometheus sends an alert that no
Alertmanager received again after 15 s, not 60: in its first seconds it knows none.

The file is long because it is one story. Meanwhile exporters are killed (one, the other, both) at
the time at which a crawl ends, or just after it, and both stay down until it is deleted; and
Prometheus is restarted while crawls end.

The simulator's ground truth says what ought to notify. Conditions that have to last for minutes
(``for``) do not come true in so short a time: those may not notify. What happens to pods notifies
where a scrape saw it, in an installation this fast not always, but never twice.
"""

import asyncio
import itertools
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.commands.demo.configurations import (
    ROUTES,
    RULES,
    alertmanager_config,
    prometheus_config,
    shipped,
)
from exporter.commands.demo.programs import free_port
from exporter.commands.demo.receiver import Notification, receiver
from exporter.rules.rule import Severity
from exporter.settings.defaults import DEFAULT_RUNBOOKS
from exporter.simulator import ApiServer, Browsertrix, Cluster
from exporter.simulator.browsertrix.ground_truth import Ended, GroundTruth
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from support.alertmanager import alertmanager
from support.exporter_process import Process, Start
from support.ground_truth import END_ALERTS, expected_notifications
from support.inbox import Identity, Inbox
from support.prometheus import Prometheus, prometheus
from support.rules import ALERTS
from support.tools import ROOT, Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("crawls for a minute, and a dozen starts", timeout=900, waits=True)

EVERY: Final = 1
"""Seconds from scrape to scrape, and from evaluation to evaluation."""
GROUP_WAIT: Final = 5
"""Seconds, of events here: they are grouped by crawl, so that each is counted."""
_DELAY_LIMIT: Final = 30.0
"""Seconds that a notification may come later than that, on a busy machine."""
_RESEND: Final = "--rules.alert.resend-delay=15s"
"""For a minute: a Prometheus that has just started evaluates rules before it knows Alertmanager."""
PAGED: Final = ("pause_expires", "reaches_size_limit")
EVICTED: Final = "BrowsertrixPodEvicted"
OOM_KILLED: Final = "BrowsertrixPodOOMKilled"
OUT_OF_SPACE: Final = "BrowsertrixPodOutOfSpace"
PAUSED_OUT: Final = "stopped_pause_expired"
TOO_LARGE: Final = "size-limit"

DECLARED: Final = {alert.name: alert for alert in ALERTS}


class Ends(dict[str, Ended]):
    """Ends of crawls, by uid, which notes when each came, and calls a listener."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}
        """By crawl, in seconds since 1970."""
        self.callers: list[Callable[[Ended], None]] = []

    def __setitem__(self, uid: str, ended: Ended) -> None:
        self.at[ended.crawl] = time.time()
        super().__setitem__(uid, ended)
        for caller in list(self.callers):
            caller(ended)

    async def next(self, how: str, at_once: Callable[[], None] = lambda: None) -> Ended:
        """Wait for the next end of this kind; ``at_once`` is called before it is written."""
        coming: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def call(ended: Ended) -> None:
            if how in {ended.state, ended.stop_reason}:
                self.callers.remove(call)
                at_once()
                coming.set_result(ended)

        self.callers.append(call)
        async with asyncio.timeout(PROCESS_TIMEOUT):
            return await coming


class Replica:
    """One exporter of a pair, which can be killed and started again at the same place."""

    def __init__(self, start: Start, kubeconfig: Path, ledger: Path) -> None:
        self._start = start
        self._kubeconfig = kubeconfig
        self._ledger = ledger
        self._address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}"
        self.process: Process

    async def start(self) -> None:
        self.process = await self._start(
            self._kubeconfig, "--history.path", str(self._ledger), listen=self._address
        )

    def kill(self) -> None:
        self.process.process.kill()

    async def start_again(self) -> None:
        assert await self.process.process.wait() == -9, "it was alive until it was killed"
        await self.start()


def cast(rng: random.Random) -> list[str]:
    """Scenarios in the order in which they begin: all of them, every other one paged for.

    Evictions are left at that one, for many make a storm, which pages by itself.
    """
    others = [kind for kind in SCENARIOS if kind not in PAGED]
    rng.shuffle(others)
    return [kind for pair in zip(itertools.cycle(PAGED), others, strict=False) for kind in pair]


async def begin(browsertrix: Browsertrix, rng: random.Random, all_began: asyncio.Event) -> None:
    """Have crawls begin until cancelled: the whole cast, then again without evictions."""
    kinds = cast(rng)
    for round_ in itertools.count():
        for kind in kinds:
            if not (round_ and kind == "is_evicted"):
                browsertrix.start(kind, work=rng.uniform(600, 2400))
            await asyncio.sleep(0.25)
        all_began.set()


async def until_all_ended(browsertrix: Browsertrix) -> None:
    await until(lambda: not browsertrix.active, every=0.05, within=PROCESS_TIMEOUT)


async def until_deleted(cluster: Cluster, ended: Ended) -> None:
    name = f"crawljob-{ended.crawl}"
    await until(
        lambda: not cluster.exists(ended.namespace, name), every=0.01, within=PROCESS_TIMEOUT
    )


async def kill_exporters(ends: Ends, cluster: Cluster, pair: tuple[Replica, Replica]) -> None:
    """Kill exporters as crawls end."""
    one, other = pair

    def kill_both() -> None:
        one.kill()
        other.kill()

    await ends.next(PAUSED_OUT, one.kill)
    await one.start_again()
    for how in (TOO_LARGE, PAUSED_OUT):  # nobody sees it end, and then there is nothing to see
        await until_deleted(cluster, await ends.next(how, kill_both))
        await asyncio.gather(one.start_again(), other.start_again())
    await ends.next(TOO_LARGE)
    other.kill()  # it may have heard, and may have written it down, or not
    await other.start_again()
    await ends.next(PAUSED_OUT, other.kill)
    await ends.next(TOO_LARGE, one.kill)
    await asyncio.gather(one.start_again(), other.start_again())


@asynccontextmanager
async def watched(
    edition: Edition, configuration: dict[str, Any], folder: Path, port: int, targets: int
) -> AsyncIterator[Prometheus]:
    """One life of Prometheus, from its first look at the pair; no rule may fail in it."""
    async with prometheus(edition, configuration, folder, _RESEND, port=port) as prom:
        await prom.until("count(up)", targets)
        yield prom
        failures = {
            sample.labels["rule_group"]: sample.value
            for family in text_string_to_metric_families(await prom.metrics())
            for sample in family.samples
            if sample.name == "prometheus_rule_evaluation_failures_total"
        }
        assert failures, "it has rules"
        assert not any(failures.values()), failures


async def evaluated(prom: Prometheus, times: int) -> None:
    """Wait until the ends were looked at so many times more."""

    async def last() -> str:
        (group,) = [
            group
            for group in (await prom.get("rules", type="alert"))["groups"]
            if group["name"] == "browsertrix-ended"
        ]
        return str(group["lastEvaluation"])

    for _ in range(times):
        before = await last()

        async def again(before: str = before) -> bool:
            return await last() != before

        await until(again, every=0.1, within=PROCESS_TIMEOUT)


async def until_notified(inbox: Inbox, expected: Callable[[], Counter[Identity]]) -> None:
    def missing() -> set[Identity]:
        return set(expected()) - set(inbox.at)

    await until(
        lambda: not missing(),
        every=0.1,
        within=PROCESS_TIMEOUT,
        otherwise=lambda: f"no notification of {sorted(missing())}",
    )


async def test_each_crawl_that_ends_badly_notifies_exactly_once_and_no_other(  # noqa: PLR0915
    server: ApiServer,
    cluster: Cluster,
    start: Start,
    say: Callable[[str], None],
    *,
    edition: Edition,
    tmp_path: Path,
) -> None:
    edition.require("prometheus")
    rng = random.Random(4)
    browsertrix = Browsertrix(
        cluster, seed=4, speed=600, pause_limit=4, stale_writes=True, sync_every=60
    )
    ground_truth = browsertrix.ground_truth
    ground_truth.finished = ends = Ends()
    inbox = Inbox("alertname", "namespace", "oid", "crawl")
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    pair = (
        Replica(start, kubeconfig, tmp_path / "one.db"),
        Replica(start, kubeconfig, tmp_path / "other.db"),
    )
    async with AsyncExitStack() as stack:
        routes = alertmanager_config(
            shipped(ROUTES), await stack.enter_async_context(receiver(inbox.take))
        )
        (ours,) = routes["route"]["routes"]
        ours["group_interval"] = "1s"
        ours["group_by"] += ["crawl", "pod"]
        (events, *_) = ours["routes"]
        for route in (events, *events["routes"]):
            route["group_wait"] = f"{GROUP_WAIT}s"
        sender = stack.enter_context(alertmanager(edition, routes, tmp_path))
        watching = prometheus_config(
            [replica.url for replica in pair],
            f"{EVERY}s",
            rules=shipped(RULES),
            alertmanager=sender,
        )
        port = free_port()
        for replica in pair:
            await replica.start()
            # Crawls that ended before the first list of a new ledger are nobody's to know.
            await replica.process.until_ready()

        running = asyncio.create_task(browsertrix.run())
        all_began = asyncio.Event()
        beginning = asyncio.create_task(begin(browsertrix, rng, all_began))
        for task in (running, beginning):
            stack.callback(task.cancel)
        async with watched(edition, watching, tmp_path, port, len(pair)):
            await kill_exporters(ends, cluster, pair)
        for how in (TOO_LARGE, PAUSED_OUT):  # while nobody watches the exporters
            await until_deleted(cluster, await ends.next(how))
        async with watched(edition, watching, tmp_path, port, len(pair)) as prom:
            await until_deleted(cluster, await ends.next(PAUSED_OUT, pair[0].kill))
            await pair[0].start_again()
            for replica in pair:
                await replica.process.until_ready()
            async with asyncio.timeout(PROCESS_TIMEOUT):
                await all_began.wait()
            beginning.cancel()
            await until_all_ended(browsertrix)
            await until_notified(inbox, lambda: expected_notifications(ground_truth))

            calm = len(ends)
            for kind, offset in itertools.product(PAGED, range(4)):
                browsertrix.start(kind, work=600 + 150 * offset)
            await until_all_ended(browsertrix)
            await until_notified(inbox, lambda: expected_notifications(ground_truth))
            await evaluated(prom, 5)
            # When this one notifies, which takes a group_wait, every group before it was flushed
            # again: what Alertmanager has to say twice, it has said.
            browsertrix.start("reaches_size_limit", work=600)
            await until_all_ended(browsertrix)
            await until_notified(inbox, lambda: expected_notifications(ground_truth))
        assert not running.done(), running

    judge(inbox, ground_truth)
    waits = sorted(
        inbox.at[END_ALERTS.get(ended.state) or END_ALERTS[ended.stop_reason], *identity(ended)]
        - ends.at[ended.crawl]
        for ended in list(ends.values())[calm:]
    )
    claim = EVERY + EVERY + GROUP_WAIT
    total = expected_notifications(ground_truth).total()
    say(
        f"Pages: {total} ends notified once each of {len(ends)}, among exporters that died; from a "
        f"crawl's end to the webhook median {statistics.median(waits):.1f} s, at most "
        f"{waits[-1]:.1f} s (scrape + evaluation + group_wait: {claim} s)"
    )
    assert waits[-1] < claim + _DELAY_LIMIT


def identity(ended: Ended) -> tuple[str, str, str]:
    return ended.namespace, ended.oid, ended.crawl


def judge(inbox: Inbox, ground_truth: GroundTruth) -> None:
    """Compare the notifications with the ground truth, and look whether a person can read them."""
    expected = expected_notifications(ground_truth)
    kinds = Counter(alert for alert, *_ in expected)
    assert set(kinds) == {*END_ALERTS.values(), "BrowsertrixOrgCrawlsDeleted"}, (
        "all kinds of ends came"
    )
    assert kinds["BrowsertrixCrawlPauseExpired"] >= 10
    assert kinds["BrowsertrixCrawlSizeLimitReached"] >= 10
    assert len(ground_truth.finished) - expected.total() >= 15, "and many that do not notify"

    storms = [one for one in inbox.notifications if one.labels["alertname"].endswith("Storm")]
    pods_only = ground_truth.pods_only
    lost = sum(
        counts.total()
        for counts in (
            ground_truth.evictions,
            ground_truth.oom_kills,
            pods_only.evictions,
            pods_only.oom_kills,
        )
    )
    assert not storms or lost >= 5
    notified = [one for one in inbox.notifications if one not in storms]
    of_pods = [one for one in notified if "pod" in one.labels]
    of_crawls = [one for one in notified if "pod" not in one.labels]
    assert Counter(map(inbox.identity, of_crawls)) == expected
    once = Counter((one.labels["alertname"], one.labels["pod"]) for one in of_pods)
    assert set(once.values()) <= {1}
    assert {name for name, _ in once} <= {EVICTED, OOM_KILLED, OUT_OF_SPACE}
    # Pods out of space are seen for a moment only, at this speed, before their crawl has failed.
    out_of_space = [one for one in of_pods if one.labels["alertname"] == OUT_OF_SPACE]
    failed = {one.crawl for one in ground_truth.finished.values() if one.state == "failed"}
    assert {one.labels["crawl"] for one in out_of_space} <= failed
    assert len(of_pods) - len(out_of_space) <= lost
    for notification in notified:
        assert_readable(notification)


def assert_readable(notification: Notification) -> None:
    labels, texts = notification.labels, notification.annotations
    alert = DECLARED[labels["alertname"]]
    critical = alert.severity is Severity.CRITICAL
    assert notification.firing
    assert notification.receiver == f"browsertrix-{'page' if critical else 'ticket'}-event"
    assert labels["severity"] == alert.severity
    assert texts["summary"] == alert.summary
    assert labels.get("crawl", labels["oid"]) in texts["description"]
    assert labels["namespace"] in texts["description"]
    assert not re.search(r"\{\{|<no value>|<error", " ".join(texts.values()))
    page = texts["runbook_url"].removeprefix(DEFAULT_RUNBOOKS)
    assert (ROOT / "docs" / "runbooks" / page.lstrip("/")).is_file()
