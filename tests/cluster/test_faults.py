"""What a reflector does when the API server, or the way to it, fails.

Long, for there are many ways to fail, and what follows from each is read best beside the others.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import pairwise
from typing import Literal

import pytest

from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.phase import Phase
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.runtime.backoff import Backoff
from exporter.simulator import ApiServer, Cluster
from support.change_recorder import Recorder
from support.crawl_writes import delete_crawl, patch_status
from support.factories import crawljob
from support.following import Follow
from support.waiting import until


def create(cluster: Cluster, *crawls: str) -> None:
    for crawl in crawls:
        cluster.create(crawljob(crawl=crawl))


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def has_arrived(recorder: Recorder, state: str) -> bool:
    return recorder.state("a") == state and recorder.state(state) is not None


async def watching(server: ApiServer, recorder: Recorder) -> None:
    await until(lambda: recorder.syncs and server.streams == 1)


async def test_an_api_server_absent_at_the_start_is_retried_until_it_is_there(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    await server.stop()
    reflector, recorder = follow()
    await until(lambda: reflector.stats.list_failures["unreachable"] >= 4)
    assert not reflector.synced
    assert reflector.last_error is not None
    assert "Cannot connect to host 127.0.0.1" in reflector.last_error
    assert len(logged(caplog)) == 1  # once, not for every try
    await server.start()
    await until(lambda: recorder.names == ["a"] and reflector.last_error is None)
    assert reflector.synced


async def test_an_api_server_that_restarts_is_watched_again_without_a_relist(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    await server.stop()
    create(cluster, "b")
    await until(lambda: reflector.stats.reconnects["unreachable"] >= 2)
    assert recorder.names == ["a"]  # the last known content stays
    assert reflector.last_error is not None
    await server.start()
    await until(lambda: recorder.names == ["a", "b"])
    assert reflector.last_error is None
    assert reflector.stats.lists == 1


@pytest.mark.parametrize("how", ["clean", "mid-line", "reset"])
async def test_a_watch_cut_in_any_way_is_resumed_without_loss_or_duplicates(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    how: Literal["clean", "mid-line", "reset"],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    for state in ("paused", "running", "complete"):
        await watching(server, recorder)
        patch_status(cluster, "a", state=state)
        server.faults.cut(how)
        create(cluster, state)
        await until(partial(has_arrived, recorder, state))
    assert reflector.stats.lists == 1
    assert len(recorder.changes) == 7
    assert reflector.stats.invalid_lines == 0
    assert reflector.stats.reconnects["ended" if how == "clean" else "cut"] >= 1
    assert logged(caplog) == []  # an everyday thing


async def test_an_idle_watch_is_left_and_resumed(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, recorder = follow(idle_limit=0.2)
    await watching(server, recorder)
    server.faults.stall()
    create(cluster, "b")
    await until(lambda: reflector.stats.reconnects["stalled"] >= 1)
    assert reflector.last_error == "the API server has gone silent"
    server.faults.release()
    await until(lambda: recorder.names == ["a", "b"])
    await until(lambda: reflector.last_error is None)
    assert reflector.stats.lists == 1


async def test_an_idle_list_is_left_and_retried(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.faults.stall("list")
    reflector, recorder = follow(idle_limit=0.1)
    await until(lambda: reflector.stats.list_failures["stalled"] >= 2)
    server.faults.release()
    await until(lambda: recorder.names == ["a"])


async def test_bookmarks_advance_the_resume_version_without_events(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    _, recorder = follow()
    await watching(server, recorder)
    cluster.create(crawljob(namespace="elsewhere"))
    await until(
        lambda: recorder.bookmarks and recorder.bookmarks[-1] == str(cluster.resource_version)
    )
    cluster.compact()
    server.faults.cut()
    await until(lambda: server.count("watch") >= 2)
    assert server.requests[-1].query["resourceVersion"] == str(cluster.resource_version)
    assert server.count("list") == 1


@pytest.mark.parametrize("form", ["event", "status"])
async def test_an_expired_version_is_relisted_and_compared(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    form: Literal["event", "status"],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(cluster, "same", "changes", "goes")
    reflector, recorder = follow()
    await watching(server, recorder)
    before = len(recorder.changes)
    await server.stop()
    patch_status(cluster, "changes", state="complete")
    delete_crawl(cluster, "goes")
    create(cluster, "comes")
    cluster.compact()
    server.faults.gone_form = form
    await server.start()
    await until(lambda: len(recorder.syncs) == 2)
    assert recorder.names == ["changes", "comes", "same"]
    assert recorder.deleted == [("goes", False)]
    changes = recorder.changes[before:]
    assert len(changes) == 3  # nothing is emitted of what is the same
    assert changes[-1].deleted  # what was known stays until the list is complete
    assert reflector.stats.reconnects["expired"] == 1
    assert reflector.stats.lists == 2
    await until(lambda: reflector.last_error is None)
    assert not [text for text in logged(caplog) if "410" in text]


async def test_an_error_event_of_410_in_an_open_watch_is_relisted(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    server.faults.expire_streams()
    await until(lambda: len(recorder.syncs) == 2)
    assert len(recorder.changes) == 1
    assert reflector.stats.events["ERROR"] == 1


async def test_versions_that_always_expire_are_relisted_with_backoff(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.faults.refuse(410, 1000, only="watch")
    reflector, _ = follow(backoff=Backoff(first=0.05, most=0.2))
    await until(lambda: reflector.stats.reconnects["expired"] >= 5)
    times = [request.time for request in server.requests if request.verb == "list"]
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) > 0.1
    assert reflector.last_error is not None


async def test_an_expired_continue_token_restarts_the_list(
    cluster: Cluster, server: ApiServer, connection: ApiClient
) -> None:
    create(cluster, *(f"c{n:02}" for n in range(30)))

    class Compacting(Recorder):
        """Compacts the cluster's history while the first page is being read."""

        def on_change(self, change: Change[CrawlJob]) -> None:
            super().on_change(change)
            if len(self.changes) == 5:
                delete_crawl(cluster, "c00")
                create(cluster, "late")
                cluster.compact()
                server.faults.expire_continues()

    recorder = Compacting()
    reflector = Reflector(connection, CRAWLJOB_RESOURCE, "crawlers", recorder, page_size=10)
    task = asyncio.create_task(reflector.run())
    await until(lambda: recorder.syncs)
    task.cancel()
    lists = [request.query for request in server.requests if request.verb == "list"]
    assert ["continue" in query for query in lists] == [False, True, False, True, True]
    assert reflector.stats.list_failures["expired"] == 1
    assert len(recorder.names) == 30
    assert recorder.deleted == [("c00", False)]
    assert len(recorder.changes) == 32


@pytest.mark.parametrize("date", [False, True])
async def test_retry_after_is_obeyed_in_both_forms(
    cluster: Cluster, server: ApiServer, follow: Follow, *, date: bool
) -> None:
    create(cluster, "a")
    wait: float | str = 1
    if date:
        wait = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.faults.refuse(429, retry_after=wait, only="list")
    began = time.monotonic()
    reflector, recorder = follow()
    await until(lambda: recorder.syncs)
    assert time.monotonic() - began > 0.9
    assert reflector.stats.list_failures["too_many_requests"] == 1


async def test_server_errors_are_retried_with_growing_backoff(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    server.faults.refuse(500, 3)
    server.faults.refuse(503, 4)
    backoff = Backoff(first=0.02, most=0.1, rng=lambda _, most: most)
    reflector, recorder = follow(backoff=backoff)
    await until(lambda: recorder.syncs)
    assert reflector.stats.list_failures["server_error"] == 7
    times = [request.time for request in server.requests if request.verb == "list"]
    gaps = [after - before for before, after in pairwise(times)]
    for gap, least in zip(gaps, [0.02, 0.04, 0.08, 0.1, 0.1, 0.1, 0.1], strict=True):
        assert gap >= least * 0.9
    assert len(logged(caplog)) == 2  # one for each answer, not for each try
    create(cluster, "b")
    await until(lambda: recorder.names == ["a", "b"])
    assert backoff.failures == 0


async def test_watches_that_end_at_once_are_resumed_with_backoff(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.faults.refuse(200, 1000, body=b"", only="watch")
    reflector, recorder = follow(backoff=Backoff(first=0.05, most=0.2))
    await until(lambda: reflector.stats.reconnects["ended"] >= 5)
    times = [request.time for request in server.requests if request.verb == "watch"]
    assert max(after - before for before, after in pairwise(times)) > 0.1
    assert reflector.last_error == "the API server ends each watch at once"
    assert recorder.names == ["a"]
    assert server.count("list") == 1


async def test_an_invalid_line_costs_itself_and_is_logged_once_a_stream(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    for _ in range(3):
        server.faults.invalid_line()
    patch_status(cluster, "a", state="complete")
    await until(lambda: recorder.state("a") == "complete")
    assert reflector.stats.invalid_lines == 3
    assert reflector.stats.watches == 1
    (text,) = logged(caplog)
    assert text.startswith("namespace crawlers: the watch sent a line that is no event (not valid")


async def test_a_line_that_is_too_long_costs_its_object_alone(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    reflector, recorder = follow(longest_line=100_000)
    await watching(server, recorder)
    cluster.create(crawljob(crawl="huge", spec={"extra": "x" * 200_000}))
    create(cluster, "small")
    await until(lambda: recorder.names == ["small"])
    assert reflector.stats.skipped_lines == 1
    assert "more than 100000 bytes" in logged(caplog)[0]


@pytest.mark.parametrize("only", ["list", "watch"])
async def test_html_from_a_proxy_is_a_failure(
    cluster: Cluster, server: ApiServer, follow: Follow, only: Literal["list", "watch"]
) -> None:
    create(cluster, "a")
    server.faults.answer_html(3, only=only)
    reflector, recorder = follow()
    await until(lambda: recorder.names == ["a"] and reflector.last_error is None)
    stats = reflector.stats
    counts = stats.list_failures if only == "list" else stats.reconnects
    assert counts["not_json"] == 3


async def test_a_reply_that_is_no_list_does_not_empty_the_cache(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    server.faults.refuse(200, 3, body=b"{}", only="list")
    server.faults.expire_streams()
    await until(lambda: reflector.stats.list_failures["not_json"] == 3)
    await until(lambda: len(recorder.syncs) == 2)
    assert recorder.deleted == []


async def test_a_relist_that_fails_leaves_the_scope_synced(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    phases = [reflector.phase]
    await watching(server, recorder)
    phases.append(reflector.phase)
    server.forbidden.add("crawlers")
    server.faults.expire_streams()
    await until(lambda: reflector.stats.list_failures["forbidden"])
    phases.append(reflector.phase)
    assert reflector.synced
    server.forbidden.clear()
    await until(lambda: len(recorder.syncs) == 2)
    phases.append(reflector.phase)
    assert phases == [Phase.LISTING, Phase.WATCHING, Phase.RELISTING, Phase.WATCHING]
    assert recorder.names == ["a"]


async def test_an_error_event_is_logged_and_the_watch_resumed(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    server.faults.error_event(500, "etcd has lost its leader")
    await until(lambda: reflector.stats.reconnects["error_event"] == 1)
    create(cluster, "b")
    await until(lambda: recorder.names == ["a", "b"])
    assert reflector.stats.lists == 1
    (text,) = logged(caplog)
    assert "500 InternalError etcd has lost its leader" in text


async def test_duplicate_and_old_events_change_nothing(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a", "goes")
    reflector, recorder = follow()
    await watching(server, recorder)
    server.faults.duplicate(2)
    patch_status(cluster, "a", state="paused")
    delete_crawl(cluster, "goes")
    await until(lambda: recorder.deleted)
    seen = len(recorder.changes)
    server.faults.resend(5)
    patch_status(cluster, "a", state="complete")
    await until(lambda: recorder.state("a") == "complete")
    assert len(recorder.changes) == seen + 1
    assert recorder.names == ["a"]
    assert reflector.stats.stale_events == 7


async def test_an_object_that_becomes_invalid_stays_as_last_seen(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, recorder = follow()
    await watching(server, recorder)
    for _ in range(2):
        server.faults.inject(
            b'{"type":"MODIFIED","object":{"metadata":{"namespace":"crawlers","name":[]}}}\n'
        )
    create(cluster, "b")
    await until(lambda: recorder.names == ["a", "b"])
    assert reflector.stats.invalid_objects == 2
    assert len(logged(caplog)) == 1


async def test_versions_that_go_back_are_relisted(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    """As after etcd was restored from a backup: a watch from the future would get nothing."""
    create(cluster, "kept", "newer")
    patch_status(cluster, "kept", state="complete")
    reflector, recorder = follow()
    await watching(server, recorder)
    await server.stop()
    restored = Cluster()
    create(restored, "kept")
    port = int(server.url.rpartition(":")[2])
    async with ApiServer(restored, port=port) as after:
        await until(lambda: after.streams == 1)
        after.faults.inject(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n')
        await until(lambda: len(recorder.syncs) == 2)
    assert reflector.stats.reconnects["rewound"] == 1
    assert recorder.names == ["kept"]
    assert recorder.state("kept") == "running"


async def test_the_missing_permission_is_named(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    server.forbidden.add("crawlers")
    reflector, recorder = follow()
    await until(lambda: reflector.stats.list_failures["forbidden"] >= 3)
    assert reflector.last_error == (
        "the API server answered 403: "
        "RBAC must allow list and watch on crawljobs.btrix.cloud in namespace crawlers"
    )
    assert len(logged(caplog)) == 1
    server.forbidden.clear()
    await until(lambda: recorder.names == ["a"] and reflector.last_error is None)


async def test_a_missing_definition_is_named(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.installed = False
    reflector, recorder = follow()
    await until(lambda: reflector.stats.list_failures["not_found"] >= 3)
    assert reflector.last_error == (
        "the API server answered 404: "
        "is Browsertrix, with its CRD crawljobs.btrix.cloud, installed there?"
    )
    server.installed = True
    await until(lambda: recorder.names == ["a"])


async def test_one_forbidden_namespace_does_not_block_the_others(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    cluster.create(crawljob(crawl="a", namespace="open"))
    server.forbidden.add("closed")
    closed, nothing = follow("closed")
    opened, recorder = follow("open")
    await until(lambda: recorder.names == ["a"] and opened.last_error is None)
    await until(lambda: closed.stats.list_failures["forbidden"] >= 1)
    assert closed.last_error is not None
    assert not closed.synced
    assert nothing.syncs == []


async def test_an_object_of_eight_mebibytes_is_followed(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    big = {"extra": "x" * (8 * 2**20)}
    cluster.create(crawljob(crawl="listed", spec=big))
    _, recorder = follow()
    await watching(server, recorder)
    cluster.create(crawljob(crawl="watched", spec=big))
    await until(lambda: recorder.names == ["listed", "watched"])
    patch_status(cluster, "watched", state="complete")
    await until(lambda: recorder.state("watched") == "complete")


async def test_a_long_list_yields_the_event_loop_to_others(
    cluster: Cluster, connection: ApiClient
) -> None:
    for n in range(300):
        cluster.create(crawljob(crawl=f"c{n}"))
    turns_at_change: list[int] = []
    turns = 0

    class Slow(Recorder):
        def on_change(self, change: Change[CrawlJob]) -> None:
            time.sleep(0.001)  # as rendering would take
            turns_at_change.append(turns)
            super().on_change(change)

    recorder = Slow()
    task = asyncio.create_task(Reflector(connection, CRAWLJOB_RESOURCE, "crawlers", recorder).run())
    while not recorder.syncs:
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    assert max(turns_at_change.count(turn) for turn in set(turns_at_change)) <= 15


async def test_a_watch_that_is_cut_before_each_bookmark_is_in_sync(
    cluster: Cluster, server: ApiServer, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a load balancer that ends what is idle: accepted from the known version each time."""
    monkeypatch.setattr("exporter.cluster.reflector._HEALTHY_AFTER", 0.0)
    monkeypatch.setattr("exporter.cluster.reflector._SHORT", 0.0)
    create(cluster, "a")
    now = [1000.0]
    server.faults.refuse(200, 10_000, body=b"", only="watch")
    reflector, recorder = follow(backoff=Backoff(first=0.01, most=0.01), clock=lambda: now[0])
    await until(lambda: recorder.syncs)
    now[0] = 1300.0
    await until(lambda: reflector.stats.last_sync == 1300.0)
    assert server.count("list") == 1
