"""From changes of CrawlJobs to changes of crawls."""

from itertools import pairwise

import pytest

from exporter.cluster.changes import Change
from exporter.crawls import Crawl, CrawlJoin
from exporter.resources.crawljob import CrawlJob, parse_value
from support.factories import crawljob


class CrawlRecorder:
    """A handler that keeps all it gets, in order."""

    def __init__(self) -> None:
        self.changes: list[Change[Crawl]] = []
        self.syncs: list[tuple[str, str]] = []
        self.bookmarks: list[tuple[str, str]] = []

    def on_change(self, change: Change[Crawl]) -> None:
        self.changes.append(change)

    def on_synced(self, scope: str, resource_version: str) -> None:
        self.syncs.append((scope, resource_version))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        self.bookmarks.append((scope, resource_version))


def job(crawl: str = "a", state: str = "running", namespace: str = "crawlers") -> CrawlJob:
    return parse_value(crawljob(crawl=crawl, namespace=namespace, status={"state": state}))


@pytest.fixture
def recorder() -> CrawlRecorder:
    return CrawlRecorder()


@pytest.fixture
def join(recorder: CrawlRecorder) -> CrawlJoin:
    return CrawlJoin(recorder)


def test_a_change_of_a_crawljob_is_a_change_of_its_crawl(
    join: CrawlJoin, recorder: CrawlRecorder
) -> None:
    first, second, last = job(), job(state="paused"), job(state="complete")
    join.on_change(Change("crawlers", None, first))
    join.on_change(Change("crawlers", first, second))
    join.on_change(Change("crawlers", second, last, deleted=True))
    assert recorder.changes == [
        Change("crawlers", None, Crawl(first)),
        Change("crawlers", Crawl(first), Crawl(second)),
        Change("crawlers", Crawl(second), Crawl(last), deleted=True),
    ]


def test_before_is_the_very_crawl_that_was_emitted_last(
    join: CrawlJoin, recorder: CrawlRecorder
) -> None:
    jobs = [job(state=state) for state in ("running", "paused", "complete")]
    for before, after in zip([None, *jobs], jobs, strict=False):
        join.on_change(Change("crawlers", before, after))
    join.on_change(Change("crawlers", jobs[-1], None, deleted=True))
    assert len(recorder.changes) == 4
    for change, following in pairwise(recorder.changes):
        assert following.before is change.after


def test_a_crawl_that_vanished_has_no_final_state(join: CrawlJoin, recorder: CrawlRecorder) -> None:
    known = job()
    join.on_change(Change("crawlers", None, known))
    join.on_change(Change("crawlers", known, None, deleted=True))
    assert recorder.changes[-1] == Change("crawlers", Crawl(known), None, deleted=True)


def test_a_deletion_of_a_crawl_never_seen_is_emitted(
    join: CrawlJoin, recorder: CrawlRecorder
) -> None:
    last = job(state="complete")
    join.on_change(Change("crawlers", None, last, deleted=True))
    assert recorder.changes == [Change("crawlers", None, Crawl(last), deleted=True)]
    join.on_synced("crawlers", "1")
    assert list(join) == []


def test_a_name_reused_is_a_new_crawl(join: CrawlJoin, recorder: CrawlRecorder) -> None:
    first, second = job(), job(state="starting")
    join.on_change(Change("crawlers", None, first))
    join.on_change(Change("crawlers", first, None, deleted=True))
    join.on_change(Change("crawlers", None, second))
    assert recorder.changes[-1] == Change("crawlers", None, Crawl(second))


def test_handlers_get_each_change_in_their_order() -> None:
    order: list[str] = []

    class Named(CrawlRecorder):
        def __init__(self, name: str) -> None:
            super().__init__()
            self._name = name

        def on_change(self, change: Change[Crawl]) -> None:
            super().on_change(change)
            order.append(self._name)

    first, second = Named("history"), Named("series")
    join = CrawlJoin(first, second)
    join.on_change(Change("crawlers", None, job()))
    join.on_change(Change("crawlers", None, job("b")))
    assert order == ["history", "series"] * 2
    assert first.changes == second.changes


def test_syncs_and_bookmarks_are_passed_on(join: CrawlJoin, recorder: CrawlRecorder) -> None:
    join.on_synced("crawlers", "5")
    join.on_bookmark("crawlers", "7")
    assert recorder.syncs == [("crawlers", "5")]
    assert recorder.bookmarks == [("crawlers", "7")]


def test_crawls_are_those_of_synced_scopes_in_the_order_of_their_arrival(join: CrawlJoin) -> None:
    first, second, other = job("b"), job("a"), job("c", namespace="other")
    for one in (first, second):
        join.on_change(Change("crawlers", None, one))
    join.on_change(Change("other", None, other))
    assert list(join) == []
    join.on_synced("crawlers", "1")
    assert [crawl.job for crawl in join] == [first, second]
    newer = job("b", "paused")
    join.on_change(Change("crawlers", first, newer))
    join.on_synced("other", "1")
    assert [crawl.job for crawl in join] == [newer, second, other]
    join.on_change(Change("crawlers", newer, None, deleted=True))
    assert [crawl.job for crawl in join] == [second, other]
