"""Crawls with what other sources say of them: joined, in any order, and only while vouched for."""

from collections.abc import Callable

import pytest

from exporter.cluster.changes import Change, PartHandler
from exporter.crawls import Crawl, CrawlJoin
from exporter.crawls.part import MOST_OBJECTS
from exporter.resources.claim import Claim
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.pod import Pod
from exporter.sources import PODS, VOLUMES
from support.claim_factories import claim
from support.factories import CRAWL_ID, NAMESPACE, crawljob
from support.pod_factories import POD_NAME, evicted, pod


class Joined:
    """A join whose turns of the event loop are the test's to make."""

    def __init__(self) -> None:
        self.changes: list[Change[Crawl]] = []
        self._due: list[Callable[[], None]] = []
        self.join = CrawlJoin(self, schedule=self._due.append)
        self.pods: PartHandler[Pod] = self.join.by_source[PODS.name]

    def on_change(self, change: Change[Crawl]) -> None:
        self.changes.append(change)

    def on_synced(self, scope: str, resource_version: str) -> None:
        pass

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        pass

    def turn(self) -> list[Change[Crawl]]:
        """Let the event loop turn; what was emitted since the last call."""
        while self._due:
            self._due.pop(0)()
        changes, self.changes = self.changes, []
        return changes

    def job(self, crawl: str = CRAWL_ID) -> CrawlJob:
        job = parse_value(crawljob(crawl=crawl))
        self.join.on_change(Change(NAMESPACE, None, job))
        return job

    def pod(self, before: Pod | None, after: Pod | None, *, deleted: bool = False) -> None:
        self.pods.on_change(Change(NAMESPACE, before, after, deleted))


@pytest.fixture
def joined() -> Joined:
    return Joined()


def names(change: Change[Crawl]) -> list[str] | None:
    assert change.after is not None
    return None if change.after.pods is None else sorted(change.after.pods)


def test_pods_are_unknown_until_their_source_is_synced(joined: Joined) -> None:
    joined.job()
    joined.pod(None, pod())
    (first,) = joined.turn()
    assert names(first) is None
    joined.pods.on_synced(NAMESPACE, "1")
    (known,) = joined.turn()
    assert known.before is first.after
    assert names(known) == [POD_NAME]


def test_a_crawl_without_pods_is_known_to_have_none(joined: Joined) -> None:
    joined.job()
    joined.pods.on_synced(NAMESPACE, "1")
    assert names(joined.turn()[-1]) == []


def test_a_pod_may_come_before_its_crawljob(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.pod(None, pod())
    assert joined.turn() == []
    joined.job()
    assert [names(change) for change in joined.turn()] == [[POD_NAME]]


def test_many_pods_in_one_turn_are_one_change_of_their_crawl(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    (seen,) = joined.turn()
    for number in range(10):
        joined.pod(None, pod(f"crawl-{CRAWL_ID}-{number}"))
    (change,) = joined.turn()
    assert change.before is seen.after
    assert len(names(change) or ()) == 10


def test_a_crawljob_that_changes_brings_what_its_pods_have_become(joined: Joined) -> None:
    """At once, and then there is nothing left to hand on."""
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    joined.turn()
    joined.pod(None, pod())
    joined.job()
    assert names(joined.changes[-1]) == [POD_NAME]
    assert len(joined.turn()) == 1


def test_a_deleted_pod_is_no_longer_the_crawls(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    first, second = pod(), pod(f"redis-{CRAWL_ID}")
    joined.pod(None, first)
    joined.pod(None, second)
    joined.turn()
    joined.pod(first, first, deleted=True)
    assert names(joined.turn()[-1]) == [second.metadata.name]
    joined.pod(second, None, deleted=True)
    assert names(joined.turn()[-1]) == []


def test_what_was_handed_over_never_changes(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    one = pod()
    joined.pod(None, one)
    before = joined.turn()[-1]
    joined.pod(one, one, deleted=True)
    after = joined.turn()[-1]
    assert after.before is before.after
    assert names(before) == [POD_NAME]


def test_what_a_failing_source_said_is_unknown_until_it_is_back(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    one = pod()
    joined.pod(None, one)
    joined.turn()
    joined.pods.on_unknown(NAMESPACE)
    assert [names(change) for change in joined.turn()] == [None]
    joined.pod(one, one, deleted=True)
    assert joined.turn() == []
    joined.pods.on_synced(NAMESPACE, "2")
    assert [names(change) for change in joined.turn()] == [[]]


def test_only_the_scope_that_is_not_vouched_for_becomes_unknown(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    joined.turn()
    joined.pods.on_unknown("other")
    assert joined.turn() == []


def test_a_pod_whose_label_changes_moves_to_the_other_crawl(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job("a")
    joined.job("b")
    first = pod("crawl-a-0", crawl="a")
    joined.pod(None, first)
    joined.turn()
    joined.pod(first, pod("crawl-a-0", crawl="b"))
    found = {
        change.after.job.metadata.name: names(change) for change in joined.turn() if change.after
    }
    assert found == {"crawljob-a": [], "crawljob-b": ["crawl-a-0"]}


def test_a_pod_without_the_label_belongs_to_no_crawl(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    joined.turn()
    joined.pod(None, pod(metadata={"labels": {}}))
    assert joined.turn() == []


def test_pods_that_outlast_their_crawl_are_handed_on_to_nobody(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    job = joined.job()
    one = pod()
    joined.pod(None, one)
    joined.turn()
    joined.join.on_change(Change(NAMESPACE, job, job, deleted=True))
    assert [change.deleted for change in joined.turn()] == [True]
    joined.pod(one, one, deleted=True)
    assert joined.turn() == []


def test_a_crowd_of_pods_of_one_crawl_is_cut_and_the_crawl_is_named(
    joined: Joined, caplog: pytest.LogCaptureFixture
) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    for number in range(MOST_OBJECTS + 5):
        joined.pod(None, pod(f"crawl-{CRAWL_ID}-{number}"))
    assert len(names(joined.turn()[-1]) or ()) == MOST_OBJECTS
    assert [(vars(one)["crawl"], vars(one)["kind"]) for one in caplog.records] == [
        (CRAWL_ID, "Pod")
    ]


def test_a_whole_fleet_is_handed_on_in_slices_of_the_loops_time(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.runtime.time_slice.TimeSlice.is_due", lambda _: True)
    for number in range(5):
        joined.job(f"crawl{number}")
    joined.turn()
    joined.pods.on_synced(NAMESPACE, "1")
    for _ in range(5):
        assert len(joined._due) == 1
        joined._due.pop(0)()
        assert len(joined.changes) == 1
        joined.changes.clear()
    assert joined._due == []


def test_each_source_becomes_known_and_unknown_by_itself(joined: Joined) -> None:
    volumes: PartHandler[Claim] = joined.join.by_source[VOLUMES.name]
    joined.job()
    joined.pods.on_synced(NAMESPACE, "1")
    joined.pod(None, pod())
    volumes.on_change(Change(NAMESPACE, None, claim()))
    joined.turn()
    volumes.on_synced(NAMESPACE, "1")
    (known,) = joined.turn()
    assert known.after is not None
    assert known.after.volumes == {POD_NAME: claim()}
    joined.pods.on_unknown(NAMESPACE)
    (left,) = joined.turn()
    assert left.after is not None
    assert (left.after.pods, left.after.volumes) == (None, {POD_NAME: claim()})


def test_no_state_of_an_object_is_left_out_however_many_come_in_one_turn(joined: Joined) -> None:
    joined.pods.on_synced(NAMESPACE, "1")
    joined.job()
    first, second = pod(), pod(status=evicted())
    other = pod(f"redis-{CRAWL_ID}")
    joined.pod(None, first)
    joined.turn()
    joined.pod(first, second)
    joined.pod(None, other)
    joined.pod(second, second, deleted=True)
    shown = [change.after.pods for change in joined.turn() if change.after]
    assert [pods and pods.get(POD_NAME) for pods in shown] == [second, None]
    assert [other.metadata.name in (pods or ()) for pods in shown] == [True, True]
