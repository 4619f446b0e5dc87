"""What a replay still waits for, event by event."""

from collections.abc import Iterable

import pytest

from exporter.cluster.changes import ResumePoint
from exporter.cluster.replay import Replay
from exporter.resources.crawljob import CrawlJob, parse_value
from support.factories import crawljob

STOPPED, LISTED = "5", "10"
"""The version where the process before stopped, and the list's."""


def crawl(name: str, version: int) -> CrawlJob:
    return parse_value(
        crawljob(crawl=name, metadata={"uid": name, "resourceVersion": str(version)})
    )


def replay(*listed: CrawlJob, alive: Iterable[str] = ()) -> Replay[CrawlJob]:
    return Replay(ResumePoint(STOPPED, frozenset(alive)), listed, LISTED)


async def test_it_is_over_when_what_was_held_back_has_come_at_its_listed_version() -> None:
    begun = replay(crawl("a", 9), alive=["a"])
    begun.observe(crawl("a", 8), deleted=False)
    assert not begun.is_over("8")
    begun.observe(crawl("a", 9), deleted=False)
    assert begun.is_over("9")


async def test_it_is_over_when_what_was_not_listed_is_deleted() -> None:
    begun = replay(alive=["gone"])
    assert not begun.is_over(STOPPED)
    begun.observe(crawl("gone", 7), deleted=False)
    assert not begun.is_over("7")
    begun.observe(crawl("gone", 8), deleted=True)
    assert begun.is_over("8")


async def test_an_object_that_was_listed_and_not_held_back_is_not_waited_for() -> None:
    """It was there, and as it is: an event of it that comes all the same promises no other."""
    begun = replay(crawl("same", 3), crawl("changed", 9), alive=["same", "changed"])
    begun.observe(crawl("same", 6), deleted=False)
    begun.observe(crawl("changed", 9), deleted=False)
    assert begun.is_over("9")


@pytest.mark.parametrize(("version", "waits"), [(7, True), (10, True), (11, False)])
async def test_an_object_seen_that_the_list_did_not_show_has_been_deleted_until_then(
    version: int, *, waits: bool
) -> None:
    begun = replay()
    begun.observe(crawl("brief", version), deleted=False)
    assert begun.is_over("9") is not waits
    begun.observe(crawl("brief", version), deleted=True)
    assert begun.is_over("9")


async def test_a_deletion_ends_the_wait_for_what_was_held_back() -> None:
    begun = replay(crawl("a", 9), alive=["a"])
    begun.observe(crawl("a", 12), deleted=True)
    assert begun.is_over("9")


@pytest.mark.parametrize(("reached", "over"), [("9", False), ("10", True), ("11", True)])
async def test_it_is_over_at_the_list_s_version(reached: str, *, over: bool) -> None:
    assert replay(alive=["elsewhere"]).is_over(reached) is over


@pytest.mark.parametrize(
    ("stopped", "begins_at"), [("5", "5"), ("10", "10"), ("11", "10"), ("of-another-kind", "10")]
)
async def test_it_begins_where_the_process_before_stopped_unless_that_is_after_the_list(
    stopped: str, begins_at: str
) -> None:
    begun = Replay[CrawlJob](ResumePoint(stopped, frozenset()), [], LISTED)
    assert begun.resource_version == begins_at
