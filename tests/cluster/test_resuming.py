"""A restarted reflector replays what happened while it was down, in order, and then is synced.

Long, as each of the ways that a replay can end has its own story.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from exporter.cluster import replay
from exporter.cluster.changes import Change, ResumePoint
from exporter.cluster.client import ApiClient
from exporter.cluster.phase import Phase
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import identity
from exporter.runtime.backoff import Backoff
from exporter.simulator import ApiServer, Cluster
from support.api_servers import Api
from support.change_recorder import Recorder
from support.crawl_writes import delete_crawl, patch_status
from support.factories import crawljob
from support.following import Follow, Opened
from support.waiting import until


@pytest.fixture
async def through(api: Api, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(api.kubeconfig(tmp_path / "api"))


async def create(api: Api, crawl: str, state: str = "running") -> None:
    value = crawljob(crawl=crawl, status={"state": state})
    del value["metadata"]["uid"]  # a real API server gives it; a name used again has another
    await api.create(value)


async def stopped(follow: Follow, through: ApiClient) -> ResumePoint:
    """Follow until synced; what an exporter that stops there would know."""
    _, recorder = follow(through=through)
    await until(lambda: recorder.syncs)
    return resume_point(recorder, recorder.syncs[0])


def resume_point(recorder: Recorder, version: str) -> ResumePoint:
    return ResumePoint(version, frozenset(identity(job) for job in recorder.objects.values()))


def emitted(recorder: Recorder) -> list[tuple[str, str]]:
    """What was emitted: each name with its state, or that it is deleted."""
    found = []
    for change in recorder.changes:
        job = change.after or change.before
        assert job is not None
        name = job.metadata.name.removeprefix("crawljob-")
        state = job.status.state if change.after else "vanished"
        found.append((name, f"{state}, deleted" if change.deleted else str(state)))
    return found


def unchanging(changes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what says the same again: a real API server has an object before its status."""
    seen: dict[str, str] = {}
    found = []
    for name, state in changes:
        if state != "starting" and seen.get(name) != state:
            found.append((name, state))
        seen[name] = state
    return found


async def test_every_event_of_the_downtime_is_replayed_in_order_before_synced(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    for crawl in ("stays", "changes", "goes"):
        await create(api, crawl)
    resume = await stopped(follow, through)
    await api.patch_status("crawlers", "changes", state="paused")
    await create(api, "brief")
    await api.patch_status("crawlers", "goes", state="complete")
    await api.delete("crawlers", "goes")
    await api.patch_status("crawlers", "brief", state="failed")
    await api.delete("crawlers", "brief")
    await create(api, "comes", "waiting_capacity")
    await api.patch_status("crawlers", "comes", state="running")
    await api.patch_status("crawlers", "changes", state="complete")
    reflector, recorder = follow(through=through, resume=resume)
    await until(lambda: recorder.syncs)
    # A real deletion takes two writes, and each says the state of before.
    assert unchanging(emitted(recorder)) == [
        ("stays", "running"),
        ("changes", "paused"),
        ("brief", "running"),
        ("goes", "complete"),
        ("goes", "complete, deleted"),
        ("brief", "failed"),
        ("brief", "failed, deleted"),
        ("comes", "waiting_capacity"),
        ("comes", "running"),
        ("changes", "complete"),
    ]
    assert recorder.sizes_at_sync == [3]
    assert reflector.stats.lists == 1
    assert reflector.last_error is None
    await create(api, "later")
    await until(lambda: recorder.names == ["changes", "comes", "later", "stays"])
    assert len(recorder.syncs) == 1


async def test_a_resume_in_a_quiet_cluster_is_synced_by_the_list(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    await create(api, "a")
    resume = await stopped(follow, through)
    _, recorder = follow(through=through, resume=resume)
    await until(lambda: recorder.syncs)
    assert emitted(recorder) == [("a", "running")]
    await create(api, "b")
    await until(lambda: recorder.names == ["a", "b"])


async def test_a_resume_in_an_emptied_namespace_replays_every_deletion(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    crawls = ["a", "b", "c"]
    for crawl in crawls:
        await create(api, crawl)
    resume = await stopped(follow, through)
    for crawl in crawls:
        await api.delete("crawlers", crawl)
    _, recorder = follow(through=through, resume=resume)
    await until(lambda: recorder.syncs)
    assert recorder.deleted == [(crawl, True) for crawl in crawls]
    assert recorder.sizes_at_sync == [0]


async def test_a_resume_after_a_name_was_reused_replays_a_deletion_and_an_addition(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    await create(api, "again")
    resume = await stopped(follow, through)
    await api.patch_status("crawlers", "again", state="complete")
    await api.delete("crawlers", "again")
    await create(api, "again", "waiting_capacity")
    _, recorder = follow(through=through, resume=resume)
    await until(lambda: recorder.syncs and recorder.state("again") == "waiting_capacity")
    assert unchanging(emitted(recorder)) == [
        ("again", "complete"),
        ("again", "complete, deleted"),
        ("again", "waiting_capacity"),
    ]
    (last,) = recorder.objects.values()
    assert identity(last) not in resume.uids


# -- faults, which the simulator alone can be ordered


@pytest.fixture
def many(cluster: Cluster) -> Callable[[], list[tuple[str, str]]]:
    """Change a crawl's state hundreds of times; returns what should be emitted of it.

    It is more than fits into the buffers on the way, so a server is still at it when the first
    of it is emitted.
    """

    def change() -> list[tuple[str, str]]:
        states = ["paused", "running"] * 250 + ["complete"]
        for state in states:
            patch_status(cluster, "a", state=state, extra="x" * 80_000)
        return [("a", state) for state in states]

    return change


class Acting(Recorder):
    """Does something at one change."""

    def __init__(self, at: int, act: Callable[[], Any]) -> None:
        super().__init__()
        self._at, self._act = at, act

    def on_change(self, change: Change[CrawlJob]) -> None:
        super().on_change(change)
        if len(self.changes) == self._at:
            self._act()


async def before(cluster: Cluster, follow: Follow, *crawls: str) -> ResumePoint:
    for crawl in crawls:
        cluster.create(crawljob(crawl=crawl))
    _, recorder = follow()
    await until(lambda: recorder.syncs)
    return resume_point(recorder, str(cluster.resource_version))


@pytest.mark.parametrize("how", ["clean", "mid-line", "reset"])
async def test_a_replay_that_is_cut_resumes_where_it_stopped(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    many: Callable[[], list[tuple[str, str]]],
    how: Literal["clean", "mid-line", "reset"],
) -> None:
    resume = await before(cluster, follow, "a")
    expected = many()
    server.faults.refuse(503, only="watch")
    reflector, recorder = follow(
        recorder=Acting(50, lambda: server.faults.cut(how)), resume=resume, watch_seconds=(99, 99)
    )
    await until(lambda: recorder.syncs and len(recorder.changes) == len(expected))
    assert emitted(recorder) == expected
    assert reflector.stats.lists == 1
    if how == "reset":  # the others let through what is on its way
        watches = [one for one in server.requests if one.query.get("timeoutSeconds") == "99"]
        began_again = int(watches[-1].query["resourceVersion"])
        assert int(resume.resource_version) < began_again < cluster.resource_version


async def test_events_sent_twice_in_a_replay_are_emitted_once(
    cluster: Cluster,
    server: ApiServer,
    follow: Follow,
    many: Callable[[], list[tuple[str, str]]],
) -> None:
    resume = await before(cluster, follow, "a", "goes")
    delete_crawl(cluster, "goes")
    cluster.create(crawljob(crawl="brief"))
    delete_crawl(cluster, "brief")
    expected = many()
    server.faults.stall()  # so that the first reflector's watch does not use up the order
    server.faults.duplicate(3000)
    _, recorder = follow(resume=resume)
    server.faults.release()
    await until(lambda: recorder.syncs)
    assert emitted(recorder)[-len(expected) :] == expected
    assert recorder.deleted == [("goes", True), ("brief", True)]


@pytest.mark.parametrize("form", ["event", "status"])
async def test_a_resume_from_an_expired_version_falls_back_to_the_list(
    cluster: Cluster, server: ApiServer, follow: Follow, form: Literal["event", "status"]
) -> None:
    resume = await before(cluster, follow, "stays", "changes", "goes")
    patch_status(cluster, "changes", state="complete")
    delete_crawl(cluster, "goes")
    cluster.create(crawljob(crawl="comes"))
    cluster.compact()
    server.faults.gone_form = form
    reflector, recorder = follow(resume=resume)
    await until(lambda: recorder.syncs and reflector.last_error is None)
    assert sorted(emitted(recorder)) == [
        ("changes", "complete"),
        ("comes", "running"),
        ("stays", "running"),
    ]
    assert recorder.syncs == [str(cluster.resource_version)]
    assert reflector.stats.lists == 1
    assert reflector.stats.reconnects["expired"] == 1
    delete_crawl(cluster, "comes")
    await until(lambda: recorder.deleted == [("comes", True)])


async def test_a_version_that_expires_in_the_middle_of_a_replay_leaves_the_rest_as_listed(
    cluster: Cluster, follow: Follow, many: Callable[[], list[tuple[str, str]]]
) -> None:
    resume = await before(cluster, follow, "a", "goes")
    cluster.create(crawljob(crawl="brief"))
    expected = many()
    delete_crawl(cluster, "brief")
    delete_crawl(cluster, "goes")
    reflector, recorder = follow(recorder=Acting(50, cluster.compact), resume=resume)
    await until(lambda: recorder.syncs)
    assert reflector.stats.lists == 1
    assert recorder.names == ["a"]
    assert recorder.state("a") == "complete"
    assert recorder.deleted == [("brief", False)]  # the other was never emitted
    states = [one for one in emitted(recorder) if one[0] == "a"]
    assert len(states) < len(expected)
    assert states[:-1] == expected[: len(states) - 1]


@pytest.mark.parametrize("version", ["99999999", "of-another-kind"])
async def test_a_resume_version_of_another_cluster_falls_back_to_the_list(
    cluster: Cluster, follow: Follow, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    cluster.create(crawljob(crawl="a"))
    reflector, recorder = follow(resume=ResumePoint(version, frozenset({"elsewhere"})))
    await until(lambda: recorder.syncs and reflector.last_error is None)
    assert emitted(recorder) == [("a", "running")]
    assert recorder.syncs == [str(cluster.resource_version)]
    assert f"the version watched last, {version}, is not of" in caplog.text


async def test_a_replay_without_an_expected_deletion_ends_at_a_bookmark(
    cluster: Cluster, follow: Follow
) -> None:
    """As after a restart with another cluster's version, or another selector."""
    cluster.create(crawljob(crawl="a"))
    reflector, recorder = follow(resume=ResumePoint("1", frozenset({"elsewhere"})))
    await until(lambda: recorder.syncs)
    assert recorder.syncs == [str(cluster.resource_version)]
    assert reflector.last_error is None


async def test_a_replay_ends_at_any_event_later_than_the_list(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    server.faults.stall()
    cluster.create(crawljob(crawl="a"))
    version = str(cluster.resource_version)
    cluster.advance(5)
    reflector, recorder = follow(resume=ResumePoint(version, frozenset({"elsewhere"})))
    await until(lambda: reflector.stats.lists)
    cluster.create(crawljob(crawl="later"))
    server.faults.release()
    await until(lambda: recorder.syncs)
    assert recorder.names == ["a", "later"]
    assert recorder.syncs == [str(cluster.resource_version)]
    assert recorder.deleted == []


async def test_an_object_deleted_after_the_list_stays_deleted_after_the_replay(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    resume = await before(cluster, follow, "a")
    patch_status(cluster, "a", state="complete")
    server.faults.stall()
    reflector, recorder = follow(resume=resume)
    await until(lambda: reflector.stats.lists)
    delete_crawl(cluster, "a")
    server.faults.release()
    await until(lambda: recorder.syncs and recorder.deleted)
    assert emitted(recorder)[0] == ("a", "complete")
    assert recorder.names == []


async def test_a_replayed_event_that_cannot_be_read_leaves_its_object_as_listed(
    cluster: Cluster, follow: Follow
) -> None:
    resume = await before(cluster, follow, "a")
    cluster.create(crawljob(crawl="huge", spec={"extra": "x" * 200_000}))
    reflector, recorder = follow(resume=resume, longest_line=100_000)
    await until(lambda: recorder.syncs)
    assert recorder.names == ["a", "huge"]
    assert reflector.stats.skipped_lines == 1


async def test_a_list_restarted_halfway_emits_nothing_twice(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    crawls = [f"c{n:02}" for n in range(30)]
    resume = await before(cluster, follow, *crawls)
    delete_crawl(cluster, "c00")
    server.faults.refuse(500, 1, only="list")
    reflector, recorder = follow(resume=resume, page_size=10)
    await until(lambda: server.count("list") >= 4)
    server.faults.expire_continues()
    await until(lambda: recorder.syncs)
    assert recorder.names == crawls[1:]
    assert recorder.deleted == [("c00", True)]
    assert len(recorder.changes) == 29 + 2
    assert reflector.stats.lists == 1


@pytest.fixture
async def quiet(
    cluster: Cluster, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ApiServer, ApiClient]]:
    """An API server that sends no bookmark, and short timeouts."""
    monkeypatch.setattr(replay, "IDLE_TIMEOUT", 0.3)
    monkeypatch.setattr(replay, "CONNECT_TIMEOUT", 0.6)
    async with ApiServer(cluster, bookmark_every=600) as server:
        yield server, await opened(server.write_kubeconfig(tmp_path / "quiet"))


async def test_a_replay_without_events_or_bookmarks_ends_at_the_idle_timeout(
    cluster: Cluster,
    quiet: tuple[ApiServer, ApiClient],
    follow: Follow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.create(crawljob(crawl="a"))
    resume = ResumePoint(str(cluster.resource_version), frozenset({"elsewhere"}))
    cluster.advance(5)
    reflector, recorder = follow(through=quiet[1], resume=resume)
    await until(lambda: reflector.stats.watches)
    assert not recorder.syncs
    assert reflector.phase is Phase.REPLAYING
    assert reflector.last_error == "what happened meanwhile is being replayed"
    await until(lambda: recorder.syncs and reflector.stats.watches == 2)
    assert "may be missing: the API server sends nothing more" in caplog.text
    assert emitted(recorder) == [("a", "running")]
    assert recorder.syncs == [resume.resource_version]  # what comes is still emitted from there
    assert reflector.last_error is None
    cluster.create(crawljob(crawl="b"))
    await until(lambda: recorder.names == ["a", "b"])


async def test_a_replay_is_not_given_up_because_the_list_had_failed_before(
    cluster: Cluster, server: ApiServer, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.cluster.reflector.LONGEST_DELAY", 0.01)
    cluster.create(crawljob(crawl="a"))
    resume = ResumePoint(str(cluster.resource_version), frozenset({"uid-crawlers-a"}))
    for state in ("paused", "complete"):
        patch_status(cluster, "a", state=state)
    delete_crawl(cluster, "a")
    server.faults.refuse(503, 3, only="watch")
    backoff = Backoff()
    backoff.failures = 100  # so many lists: the next delay is longer than a replay waits
    reflector, recorder = follow(resume=resume, backoff=backoff)
    await until(lambda: recorder.syncs)
    changes = unchanging(emitted(recorder))
    assert changes == [("a", "paused"), ("a", "complete"), ("a", "complete, deleted")]
    assert reflector.stats.reconnects["server_error"] == 3


@pytest.mark.parametrize("fault", ["forbidden", "stalled"])
async def test_a_replay_without_a_watch_ends_at_the_connect_timeout(
    cluster: Cluster,
    quiet: tuple[ApiServer, ApiClient],
    follow: Follow,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.create(crawljob(crawl="a"))
    resume = ResumePoint(str(cluster.resource_version), frozenset({"uid-crawlers-a"}))
    cluster.create(crawljob(crawl="b"))
    server, through = quiet
    if fault == "forbidden":
        server.faults.refuse(403, 10_000, only="watch")
    else:
        server.faults.stall("watch")
    reflector, recorder = follow(through=through, resume=resume)
    await until(lambda: recorder.syncs)
    assert recorder.names == ["a", "b"]
    assert reflector.synced
    if fault == "forbidden":
        assert "RBAC must allow list and watch" in str(reflector.last_error)
    assert "part of what happened meanwhile may be missing" in caplog.text
    server.faults.release()
