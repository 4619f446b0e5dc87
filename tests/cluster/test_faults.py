"""What a reflector does when the API server, or the way to it, fails."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import pairwise
from typing import Literal

import pytest

from cluster.conftest import Follow
from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.runtime.backoff import Backoff
from exporter.simulator.apiserver import ApiServer
from exporter.simulator.cluster import Cluster
from support.change_recorder import Recorder, until
from support.factories import crawljob


def create(cluster: Cluster, *crawls: str) -> None:
    for crawl in crawls:
        cluster.create(crawljob(crawl=crawl))


def delete(cluster: Cluster, crawl: str) -> None:
    name = f"crawljob-{crawl}"
    cluster.delete("crawlers", name)
    cluster.patch("crawlers", name, {"metadata": {"finalizers": None}})


def set_state(cluster: Cluster, crawl: str, state: str) -> None:
    cluster.patch("crawlers", f"crawljob-{crawl}", {"status": {"state": state}}, status=True)


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def has_arrived(told: Recorder, state: str) -> bool:
    return told.state("a") == state and told.state(state) is not None


async def watching(server: ApiServer, told: Recorder) -> None:
    await until(lambda: told.syncs and server.streams == 1)


async def test_an_api_server_absent_at_the_start_is_waited_for(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    await server.stop()
    reflector, told = follow()
    await until(lambda: reflector.stats.list_failures["unreachable"] >= 4)
    assert not reflector.synced
    assert reflector.last_error is not None
    assert "Cannot connect to host 127.0.0.1" in reflector.last_error
    assert len(logged(caplog)) == 1  # once, not for every try
    await server.start()
    await until(lambda: told.names == ["a"] and reflector.last_error is None)
    assert reflector.synced


async def test_an_api_server_that_restarts_is_found_again_without_a_new_list(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    await server.stop()
    create(cluster, "b")
    await until(lambda: reflector.stats.reconnects["unreachable"] >= 2)
    assert told.names == ["a"]  # the last known content stays
    assert reflector.last_error is not None
    await server.start()
    await until(lambda: told.names == ["a", "b"])
    assert reflector.last_error is None
    assert reflector.stats.lists == 1


@pytest.mark.parametrize("how", ["clean", "mid-line", "reset"])
async def test_a_watch_cut_in_any_way_loses_and_doubles_nothing(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    how: Literal["clean", "mid-line", "reset"],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    for state in ("paused", "running", "complete"):
        await watching(server, told)
        set_state(cluster, "a", state)
        server.faults.cut(how)
        create(cluster, state)
        await until(partial(has_arrived, told, state))
    assert reflector.stats.lists == 1
    assert len(told.changes) == 7
    assert reflector.stats.invalid_lines == 0
    assert reflector.stats.reconnects["ended" if how == "clean" else "cut"] >= 1
    assert logged(caplog) == []  # an everyday thing


async def test_a_silent_watch_is_left_and_taken_up_again(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, told = follow(idle_limit=0.2)
    await watching(server, told)
    server.faults.stall()
    create(cluster, "b")
    await until(lambda: reflector.stats.reconnects["stalled"] >= 1)
    assert reflector.last_error == "the API server has gone silent"
    server.faults.release()
    await until(lambda: told.names == ["a", "b"])
    await until(lambda: reflector.last_error is None)
    assert reflector.stats.lists == 1


async def test_a_silent_list_is_given_up_and_tried_again(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.faults.stall("list")
    reflector, told = follow(idle_limit=0.1)
    await until(lambda: reflector.stats.list_failures["stalled"] >= 2)
    server.faults.release()
    await until(lambda: told.names == ["a"])


async def test_bookmarks_move_the_version_on_without_events(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    _, told = follow()
    await watching(server, told)
    cluster.create(crawljob(namespace="elsewhere"))
    await until(lambda: told.bookmarks and told.bookmarks[-1] == str(cluster.resource_version))
    cluster.compact()
    server.faults.cut()
    await until(lambda: server.count("watch") >= 2)
    assert server.requests[-1].query["resourceVersion"] == str(cluster.resource_version)
    assert server.count("list") == 1


@pytest.mark.parametrize("form", ["event", "status"])
async def test_a_version_too_old_is_listed_anew_and_compared(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    form: Literal["event", "status"],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(cluster, "same", "changes", "goes")
    reflector, told = follow()
    await watching(server, told)
    before = len(told.changes)
    await server.stop()
    set_state(cluster, "changes", "complete")
    delete(cluster, "goes")
    create(cluster, "comes")
    cluster.compact()
    server.faults.gone_form = form
    await server.start()
    await until(lambda: len(told.syncs) == 2)
    assert told.names == ["changes", "comes", "same"]
    assert told.deleted == [("goes", False)]
    changes = told.changes[before:]
    assert len(changes) == 3  # nothing is told of what is the same
    assert changes[-1].deleted  # what was known stays until the list is complete
    assert reflector.stats.reconnects["expired"] == 1
    assert reflector.stats.lists == 2
    await until(lambda: reflector.last_error is None)
    assert not [text for text in logged(caplog) if "410" in text]


async def test_an_error_event_of_410_in_an_open_watch_is_listed_anew(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    server.faults.expire_streams()
    await until(lambda: len(told.syncs) == 2)
    assert len(told.changes) == 1
    assert reflector.stats.events["ERROR"] == 1


async def test_versions_that_are_always_too_old_do_not_make_it_list_in_a_rush(
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
                delete(cluster, "c00")
                create(cluster, "late")
                cluster.compact()
                server.faults.expire_continues()

    told = Compacting()
    reflector = Reflector(connection, "crawlers", told, page_size=10)
    task = asyncio.create_task(reflector.run())
    await until(lambda: told.syncs)
    task.cancel()
    lists = [request.query for request in server.requests if request.verb == "list"]
    assert ["continue" in query for query in lists] == [False, True, False, True, True]
    assert reflector.stats.list_failures["expired"] == 1
    assert len(told.names) == 30
    assert told.deleted == [("c00", False)]
    assert len(told.changes) == 32


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
    reflector, told = follow()
    await until(lambda: told.syncs)
    assert time.monotonic() - began > 0.9
    assert reflector.stats.list_failures["too_many_requests"] == 1


async def test_a_storm_of_server_errors_is_met_with_growing_delays(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    server.faults.refuse(500, 3)
    server.faults.refuse(503, 4)
    backoff = Backoff(first=0.02, most=0.1, rng=lambda _, most: most)
    reflector, told = follow(backoff=backoff)
    await until(lambda: told.syncs)
    assert reflector.stats.list_failures["server_error"] == 7
    times = [request.time for request in server.requests if request.verb == "list"]
    gaps = [after - before for before, after in pairwise(times)]
    for gap, least in zip(gaps, [0.02, 0.04, 0.08, 0.1, 0.1, 0.1, 0.1], strict=True):
        assert gap >= least * 0.9
    assert len(logged(caplog)) == 2  # one for each answer, not for each try
    create(cluster, "b")
    await until(lambda: told.names == ["a", "b"])
    assert backoff.failures == 0


async def test_watches_that_end_at_once_are_not_renewed_in_a_rush(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.faults.refuse(200, 1000, body=b"", only="watch")
    reflector, told = follow(backoff=Backoff(first=0.05, most=0.2))
    await until(lambda: reflector.stats.reconnects["ended"] >= 5)
    times = [request.time for request in server.requests if request.verb == "watch"]
    assert max(after - before for before, after in pairwise(times)) > 0.1
    assert reflector.last_error == "the API server ends each watch at once"
    assert told.names == ["a"]
    assert server.count("list") == 1


async def test_garbage_in_a_watch_costs_its_line_and_is_logged_once_a_stream(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    for _ in range(3):
        server.faults.garbage()
    set_state(cluster, "a", "complete")
    await until(lambda: told.state("a") == "complete")
    assert reflector.stats.invalid_lines == 3
    assert reflector.stats.watches == 1
    (text,) = logged(caplog)
    assert text.startswith("namespace crawlers: the watch sent a line that is no event (not valid")


async def test_a_line_that_is_too_long_costs_its_object_alone(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    reflector, told = follow(longest_line=100_000)
    await watching(server, told)
    cluster.create(crawljob(crawl="huge", spec={"extra": "x" * 200_000}))
    create(cluster, "small")
    await until(lambda: told.names == ["small"])
    assert reflector.stats.skipped_lines == 1
    assert "more than 100000 bytes" in logged(caplog)[0]


@pytest.mark.parametrize("only", ["list", "watch"])
async def test_html_from_a_proxy_is_no_answer(
    cluster: Cluster, server: ApiServer, follow: Follow, only: Literal["list", "watch"]
) -> None:
    create(cluster, "a")
    server.faults.answer_html(3, only=only)
    reflector, told = follow()
    await until(lambda: told.names == ["a"] and reflector.last_error is None)
    stats = reflector.stats
    counts = stats.list_failures if only == "list" else stats.reconnects
    assert counts["not_json"] == 3


async def test_a_reply_that_is_no_list_does_not_empty_the_content(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    server.faults.refuse(200, 3, body=b"{}", only="list")
    server.faults.expire_streams()
    await until(lambda: reflector.stats.list_failures["not_json"] == 3)
    await until(lambda: len(told.syncs) == 2)
    assert told.deleted == []


async def test_an_error_event_is_logged_and_the_watch_resumed(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    server.faults.error_event(500, "etcd has lost its leader")
    await until(lambda: reflector.stats.reconnects["error_event"] == 1)
    create(cluster, "b")
    await until(lambda: told.names == ["a", "b"])
    assert reflector.stats.lists == 1
    (text,) = logged(caplog)
    assert "500 InternalError etcd has lost its leader" in text


async def test_duplicate_and_old_events_change_nothing(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a", "goes")
    reflector, told = follow()
    await watching(server, told)
    server.faults.duplicate(2)
    set_state(cluster, "a", "paused")
    delete(cluster, "goes")
    await until(lambda: told.deleted)
    seen = len(told.changes)
    server.faults.resend(5)
    set_state(cluster, "a", "complete")
    await until(lambda: told.state("a") == "complete")
    assert len(told.changes) == seen + 1
    assert told.names == ["a"]
    assert reflector.stats.stale_events == 7


async def test_an_object_that_becomes_unusable_keeps_its_last_content(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    reflector, told = follow()
    await watching(server, told)
    for _ in range(2):
        server.faults.inject(
            b'{"type":"MODIFIED","object":{"metadata":{"namespace":"crawlers","name":[]}}}\n'
        )
    create(cluster, "b")
    await until(lambda: told.names == ["a", "b"])
    assert reflector.stats.invalid_objects == 2
    assert len(logged(caplog)) == 1


async def test_versions_that_go_back_are_noticed_and_listed_anew(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    """As after etcd was restored from a backup: a watch from the future would wait in silence."""
    create(cluster, "kept", "newer")
    set_state(cluster, "kept", "complete")
    reflector, told = follow()
    await watching(server, told)
    await server.stop()
    restored = Cluster()
    create(restored, "kept")
    port = int(server.url.rpartition(":")[2])
    async with ApiServer(restored, port=port) as after:
        await until(lambda: after.streams == 1)
        after.faults.inject(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n')
        await until(lambda: len(told.syncs) == 2)
    assert reflector.stats.reconnects["rewound"] == 1
    assert told.names == ["kept"]
    assert told.state("kept") == "running"


async def test_the_missing_permission_is_named(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    create(cluster, "a")
    server.forbidden.add("crawlers")
    reflector, told = follow()
    await until(lambda: reflector.stats.list_failures["forbidden"] >= 3)
    assert reflector.last_error == (
        "the API server answered 403: "
        "RBAC must allow list and watch on crawljobs.btrix.cloud in namespace crawlers"
    )
    assert len(logged(caplog)) == 1
    server.forbidden.clear()
    await until(lambda: told.names == ["a"] and reflector.last_error is None)


async def test_a_missing_definition_is_named(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    create(cluster, "a")
    server.installed = False
    reflector, told = follow()
    await until(lambda: reflector.stats.list_failures["not_found"] >= 3)
    assert reflector.last_error == (
        "the API server answered 404: "
        "is Browsertrix, with its CRD crawljobs.btrix.cloud, installed there?"
    )
    server.installed = True
    await until(lambda: told.names == ["a"])


async def test_one_forbidden_namespace_does_not_hold_up_the_others(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    cluster.create(crawljob(crawl="a", namespace="open"))
    server.forbidden.add("closed")
    closed, nothing = follow("closed")
    opened, told = follow("open")
    await until(lambda: told.names == ["a"] and opened.last_error is None)
    await until(lambda: closed.stats.list_failures["forbidden"] >= 1)
    assert closed.last_error is not None
    assert not closed.synced
    assert nothing.syncs == []


async def test_an_object_of_eight_mebibytes_is_followed(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    big = {"extra": "x" * (8 * 2**20)}
    cluster.create(crawljob(crawl="listed", spec=big))
    _, told = follow()
    await watching(server, told)
    cluster.create(crawljob(crawl="watched", spec=big))
    await until(lambda: told.names == ["listed", "watched"])
    set_state(cluster, "watched", "complete")
    await until(lambda: told.state("watched") == "complete")


async def test_a_long_list_leaves_the_event_loop_to_others(
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

    told = Slow()
    task = asyncio.create_task(Reflector(connection, "crawlers", told).run())
    while not told.syncs:
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    assert max(turns_at_change.count(turn) for turn in set(turns_at_change)) <= 15
