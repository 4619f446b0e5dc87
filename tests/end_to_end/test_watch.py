"""Whatever happens between exporter and API server: nothing missed, doubled or served stale.

Long, as each fault is followed from the server to the scrape.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.history.ledger import Ledger
from exporter.metrics import CATALOG, Exposition, Format, HistoryCollector, SeriesStore
from exporter.resources.crawljob import parse_value
from exporter.simulator import ApiServer, Browsertrix, Cluster
from exporter.simulator.apiserver.faults import GoneForm
from exporter.web.server import GRACE
from support.api_servers import Api
from support.crawl_writes import delete_crawl, patch_status
from support.exporter_process import Process, Scrape, Start, of_crawljobs_alone
from support.factories import crawljob
from support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow("waits for processes", waits=True)


@pytest.fixture
def start(start: Start) -> Start:
    """These clusters have CrawlJobs alone: Kubernetes would say that their pods are gone."""
    return of_crawljobs_alone(start)


def truth(cluster: Cluster) -> Callable[[Scrape], bool]:
    """What a scrape must show once it has caught up: a snapshot of the cluster's content."""
    store = SeriesStore(CATALOG)
    store.on_synced("crawlers", "")
    for value in cluster.objects():
        crawl = Crawl(parse_value(json.loads(json.dumps(value))))
        store.on_change(Change("crawlers", None, crawl))
    chunks = Exposition(
        CATALOG, store, HistoryCollector(CATALOG, Ledger.open()), CollectorRegistry()
    ).chunks(Format.TEXT, None, 0.0)
    expected = Scrape(b"".join(chunks).decode()).of_crawljobs()
    assert expected
    return lambda scrape: scrape.of_crawljobs() == expected


class Progress:
    """Counts pages of many crawls up, one at a time; no scrape may ever show a step back."""

    def __init__(self, cluster: Cluster, exporter: Process) -> None:
        self.cluster = cluster
        self.exporter = exporter
        self.pages: dict[str, int] = {}
        self.shown: dict[str, float] = {}
        self.scrapes = 0

    def create(self, crawl: str) -> None:
        self.cluster.create(crawljob(crawl=crawl, status={"pagesDone": 0}))
        self.pages[crawl] = 0

    def go_on(self, crawl: str) -> None:
        self.pages[crawl] += 1
        patch_status(self.cluster, crawl, pagesDone=self.pages[crawl])

    def delete(self, crawl: str) -> None:
        delete_crawl(self.cluster, crawl)
        del self.pages[crawl]

    async def watch(self) -> None:
        """Scrape again and again."""
        while True:
            scrape = await self.exporter.scrape()
            self.scrapes += 1
            for series, value in scrape.of("browsertrix_crawl_pages_done").items():
                assert value >= self.shown.get(series, 0.0), f"a step back: {series}"
                self.shown[series] = value
            await asyncio.sleep(0.01)


async def test_cuts_stalls_and_compaction_lose_double_and_delay_nothing(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    rng = random.Random(7)
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"), "--watch.idle-limit", "1s"
    )
    progress = Progress(cluster, exporter)
    for number in range(40):
        progress.create(f"c{number}")
    await exporter.until(truth(cluster))
    watching = asyncio.create_task(progress.watch())

    def change_something(times: int = 60) -> None:
        for _ in range(times):
            crawl = rng.choice(list(progress.pages))
            match rng.random():
                case chance if chance < 0.8:
                    progress.go_on(crawl)
                case chance if chance < 0.9:
                    progress.delete(crawl)
                case _:
                    progress.create(f"n{rng.randrange(10**9)}")

    faults = server.faults

    def lag_behind_compaction(form: GoneForm) -> None:
        faults.gone_form = form
        faults.stall("watch")
        change_something()
        cluster.compact()
        faults.cut("reset")
        faults.release()

    troubles: list[Callable[[], object]] = [
        lambda: faults.cut("clean"),
        lambda: faults.cut("mid-line"),
        lambda: faults.cut("reset"),
        lambda: lag_behind_compaction("event"),
        lambda: lag_behind_compaction("status"),
        faults.expire_streams,
        lambda: faults.refuse(503, 2, retry_after=0),
        lambda: faults.refuse(500, 1, only="list"),
        lambda: faults.duplicate(20),
        lambda: faults.resend(30),
        faults.invalid_line,
        lambda: faults.error_event(500),
    ]
    for trouble in troubles:
        change_something()
        trouble()
        change_something()
        await exporter.until(truth(cluster))
    faults.stall("watch")
    change_something()
    before = (await exporter.scrape()).value(
        "browsertrix_exporter_watch_reconnects_total", reason="stalled"
    )
    await exporter.until(
        lambda scrape: (
            scrape.value("browsertrix_exporter_watch_reconnects_total", reason="stalled")
            > (before or 0)
        )
    )
    faults.release()
    await exporter.until(truth(cluster))

    assert not watching.done(), watching.exception()
    watching.cancel()
    assert progress.scrapes > 20
    final = await exporter.scrape()
    assert final.value("browsertrix_exporter_lists_total") >= 3, "twice the version was gone"
    assert final.value("browsertrix_exporter_synced") == 1


async def test_an_api_server_that_comes_late_and_goes_away_for_a_while(
    cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    server = ApiServer(cluster)
    await server.start()
    port = int(server.url.rpartition(":")[2])
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    await server.stop()
    cluster.create(crawljob(crawl="a", status={"pagesDone": 1}))

    exporter = await start(kubeconfig)
    status, reason = await exporter.get("/readyz")
    assert status == 503
    assert reason.startswith("crawlers: ")
    assert (await exporter.get("/livez"))[0] == 200
    assert not (await exporter.scrape()).of("browsertrix_crawl_state"), "no half fleet"

    async with ApiServer(cluster, port=port):
        await exporter.until_ready()
        scrape = await exporter.until(truth(cluster))
        assert scrape.value("browsertrix_crawl_pages_done", crawl="a") == 1
    patch_status(cluster, "a", pagesDone=2)
    scrape = await exporter.scrape()
    assert scrape.value("browsertrix_crawl_pages_done", crawl="a") == 1, "what is known stays"
    assert (await exporter.get("/readyz"))[0] == 200
    async with ApiServer(cluster, port=port):
        await exporter.until(truth(cluster))


async def test_one_forbidden_namespace_leaves_the_other_served(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    server.forbidden.add("secret")
    cluster.create(crawljob(crawl="a"))
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"),
        *("--namespace", "crawlers", "--namespace", "secret"),
    )
    scrape = await exporter.until(lambda scrape: scrape.of("browsertrix_crawl_state"))
    assert scrape.value("browsertrix_exporter_synced", scope="crawlers") == 1
    assert scrape.value("browsertrix_exporter_synced", scope="secret") == 0
    status, reason = await exporter.get("/readyz")
    assert status == 503
    assert "secret" in reason
    assert "RBAC must allow list and watch on crawljobs.btrix.cloud" in reason
    server.forbidden.clear()
    await exporter.until_ready()


async def test_whole_scenarios_sped_up_are_followed_to_their_end(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    browsertrix = Browsertrix(
        cluster, seed=3, speed=600, crawls=15, stale_writes=True, sync_every=60
    )
    living = asyncio.create_task(browsertrix.run())
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await exporter.until(
        lambda scrape: scrape.value("browsertrix_exporter_watch_events_total", type="DELETED") >= 20
    )
    assert not living.done(), living
    living.cancel()
    scrape = await exporter.until(truth(cluster))
    assert sum(scrape.of("browsertrix_exporter_parse_problems_total").values()) == 0
    assert sum(scrape.of("browsertrix_exporter_unknown_values_total").values()) == 0


async def test_on_any_api_server_crawls_come_change_and_go(
    api: Api, start: Start, tmp_path: Path
) -> None:
    await api.create(crawljob(crawl="a", status={"state": "running", "pagesDone": 1}))
    exporter = await start(api.kubeconfig(tmp_path / "kubeconfig"))
    await exporter.until_ready()
    assert (await exporter.scrape()).value("browsertrix_crawl_pages_done", crawl="a") == 1
    await api.create(crawljob(crawl="b", status={"state": "starting"}))
    await exporter.until(lambda scrape: scrape.of("browsertrix_crawl_state", crawl="b"))
    await api.patch_status("crawlers", "a", pagesDone=2, state="generate-wacz")
    scrape = await exporter.until(
        lambda scrape: scrape.of("browsertrix_crawl_state", crawl="a", state="generate-wacz")
    )
    assert scrape.value("browsertrix_crawl_pages_done", crawl="a") == 2
    assert scrape.value("browsertrix_crawls", state="generate-wacz") == 1
    assert scrape.value("browsertrix_crawls", state="running") == 0
    await api.delete("crawlers", "a")
    scrape = await exporter.until(
        lambda scrape: not scrape.of("browsertrix_crawl_state", crawl="a")
    )
    assert scrape.value("browsertrix_crawls", state="starting") == 1


async def test_on_any_api_server_a_network_that_fails_loses_no_change(
    api: Api, start: Start, tmp_path: Path
) -> None:
    await api.create(crawljob(crawl="a", status={"state": "running", "pagesDone": 1}))
    await api.create(crawljob(crawl="goes"))
    async with TcpProxy.running(api.port) as network:
        await network.close()
        exporter = await start(api.kubeconfig(tmp_path / "kubeconfig", port=network.port))
        assert (await exporter.get("/readyz"))[0] == 503
        assert (await exporter.get("/livez"))[0] == 200
        await network.open()
        await exporter.until_ready()
        for pages in range(2, 5):
            network.cut(reset=pages == 3)
            await api.patch_status("crawlers", "a", pagesDone=pages)
            await exporter.until(partial(shows, pages=pages))
        await network.close()
        await api.patch_status("crawlers", "a", pagesDone=9)
        await api.delete("crawlers", "goes")
        scrape = await exporter.scrape()
        assert shows(scrape, pages=4), "what is known stays"
        assert (await exporter.get("/readyz"))[0] == 200
        await network.open()
        await exporter.until(partial(shows, pages=9))
        scrape = await exporter.until(
            lambda scrape: not scrape.of("browsertrix_crawl_state", crawl="goes")
        )
    assert scrape.value("browsertrix_exporter_lists_total") == 1


def shows(scrape: Scrape, *, pages: int) -> bool:
    return scrape.value("browsertrix_crawl_pages_done", crawl="a") == pages


async def test_sigterm_ends_it_quickly_and_cleanly(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await exporter.until_ready()
    exporter.process.terminate()
    async with asyncio.timeout(GRACE - 1):  # no scrape is under way, so nothing is waited for
        assert await exporter.process.wait() == 0


async def test_a_second_exporter_on_the_same_history_is_refused(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    ledger = str(tmp_path / "history.db")
    first = await start(kubeconfig, "--history.path", ledger)
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "--kubeconfig", str(kubeconfig)),
        *("--web.listen-address", "127.0.0.1:0", "--history.path", ledger),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await second.communicate()
    assert second.returncode == 1
    assert said.decode().count("\n") == 1
    assert f"process {first.process.pid}" in said.decode()
    assert (await first.get("/livez"))[0] == 200


async def test_a_restart_goes_on_counting_where_the_last_one_stopped(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    ledger = str(tmp_path / "history.db")
    over = {"state": "complete", "stopReason": "size-limit", "finished": "2026-01-01T00:00:00Z"}
    ended = {"state": "complete", "stop_reason": "size-limit"}
    for crawl in ("before", "meanwhile"):
        cluster.create(crawljob(crawl=crawl, status={"state": "running"}))
    first = await start(kubeconfig, "--history.path", ledger, "--history.retention", "3650d")
    await first.until_ready()
    patch_status(cluster, "before", **over)
    await first.until(
        lambda scrape: scrape.value("browsertrix_crawls_finished_total", **ended) == 1
    )
    first.process.kill()
    await first.process.wait()
    patch_status(cluster, "meanwhile", **over)
    for crawl in ("before", "meanwhile"):
        delete_crawl(cluster, crawl)
    second = await start(kubeconfig, "--history.path", ledger, "--history.retention", "3650d")
    await second.until_ready()
    scrape = await second.scrape()
    assert scrape.value("browsertrix_crawls_finished_total", **ended) == 2
    assert scrape.value("browsertrix_crawls_vanished_total") == 0
    for crawl in ("before", "meanwhile"):
        finished = scrape.value(
            "browsertrix_crawl_finished_timestamp_seconds", crawl=crawl, **ended
        )
        assert finished == 1767225600
    assert not scrape.of("browsertrix_crawl_state")
