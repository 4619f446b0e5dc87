"""What a ledger makes of it that its shard becomes another share of the crawls."""

from pathlib import Path

import pytest

from exporter.history.ledger import Ledger
from exporter.resources.shard import EVERYTHING, Shard
from support.counters import FINISHED, PAGES, POD_EVICTIONS, VANISHED
from support.crawl_history import NOW, OVER, Watch
from support.factories import NAMESPACE, UPDATED_EPOCH, crawler_pod

PODS = {"crawl-a-0": crawler_pod(evicted=True)}
FIRST, SECOND = Shard(0, 2), Shard(1, 2)


def uid_in(shard: Shard, *, of: str = "") -> str:
    """A uid that is in the share."""
    found = (f"{of}{number:036}" for number in range(1000))
    return next(uid for uid in found if shard.owns(uid))


MINE, OTHERS = uid_in(FIRST), uid_in(SECOND)


class ShardWatch(Watch):
    """A watch of one share, which may be another after a restart."""

    shard: Shard = EVERYTHING

    def opened_ledger(self) -> Ledger:
        ledger = super().opened_ledger()
        ledger.take_share(self.shard)
        return ledger

    def restart_as(self, shard: Shard) -> None:
        self.shard = shard
        self.kill()


@pytest.fixture
def watch(path: Path) -> ShardWatch:
    """A watch of everything, with a ledger on disk."""
    return ShardWatch(path)


def test_a_crawl_that_is_anothers_now_has_not_vanished(watch: ShardWatch) -> None:
    for uid, crawl in ((MINE, "a"), (OTHERS, "b")):
        watch.change(10, crawl=crawl, metadata={"uid": uid})
    watch.synced(20)
    before = watch.changed_totals()
    watch.restart_as(FIRST)
    assert watch.resume_point() is not None
    assert watch.resume_point().uids == {MINE}  # type: ignore[union-attr]
    watch.change(10, crawl="a", metadata={"uid": MINE})
    watch.synced(20)
    assert watch.total(VANISHED) == 0
    assert watch.changed_totals() == before
    assert set(watch.ledger.baselines) == {MINE}
    watch.kill()
    assert set(watch.ledger.baselines) == {MINE}


def test_one_of_its_own_that_is_gone_has_vanished(watch: ShardWatch) -> None:
    watch.change(10, metadata={"uid": MINE})
    watch.synced(20)
    watch.restart_as(FIRST)
    watch.synced(30)
    assert watch.total(VANISHED) == 1


@pytest.mark.parametrize("had", [FIRST, EVERYTHING])
def test_what_a_crawl_did_in_another_shard_is_not_told_again(watch: ShardWatch, had: Shard) -> None:
    watch.restart_as(had)
    watch.synced(5)
    watch.restart_as(SECOND)
    watch.change(10, crawl="b", pods=PODS, metadata={"uid": OTHERS}, status={"pagesDone": 100})
    watch.change(11, crawl="b", pods=PODS, metadata={"uid": OTHERS}, status={"pagesDone": 150})
    watch.synced(20)
    assert watch.changed_totals() == {}
    watch.change(21, crawl="b", pods=PODS, metadata={"uid": OTHERS}, status={"pagesDone": 170})
    assert pages(watch) == 20
    assert watch.total(POD_EVICTIONS, "crawler") == 0


def pages(watch: ShardWatch) -> float:
    return sum(value for (name, _), value in watch.changed_totals().items() if name == PAGES)


def test_the_end_of_a_crawl_on_its_way_is_told(watch: ShardWatch) -> None:
    watch.restart_as(SECOND)
    watch.change(10, crawl="b", metadata={"uid": OTHERS}, status=OVER)
    watch.synced(20)
    assert watch.total(FINISHED, "complete", "") == 1
    assert [one.uid for one in watch.finished()] == [OTHERS]
    assert pages(watch) == 0


def test_a_crawl_that_comes_back_ended_is_not_counted_again(watch: ShardWatch) -> None:
    watch.change(10, crawl="b", metadata={"uid": OTHERS}, status=OVER)
    watch.synced(20)
    watch.restart_as(FIRST)
    watch.synced(30)
    watch.restart_as(EVERYTHING)
    watch.change(10, crawl="b", metadata={"uid": OTHERS}, status=OVER)
    watch.synced(40)
    assert watch.total(FINISHED, "complete", "") == 1


def test_a_crawl_that_is_made_later_is_counted_from_its_beginning(watch: ShardWatch) -> None:
    watch.clock.now = UPDATED_EPOCH - 3600
    watch.restart_as(FIRST)
    watch.change(10, metadata={"uid": MINE}, status={"pagesDone": 7})
    watch.synced(20)
    assert pages(watch) == 7


def test_a_restart_as_the_same_shard_tells_what_it_missed(watch: ShardWatch) -> None:
    watch.restart_as(FIRST)
    watch.change(10, metadata={"uid": MINE}, status={"pagesDone": 100})
    watch.synced(20)
    watch.restart_as(FIRST)
    watch.change(30, metadata={"uid": MINE}, status={"pagesDone": 130})
    watch.synced(40)
    assert pages(watch) == 30


def test_a_kill_before_the_first_list_is_complete_begins_with_the_share_again(
    watch: ShardWatch,
) -> None:
    watch.restart_as(FIRST)
    watch.change(10, metadata={"uid": MINE}, status={"pagesDone": 100})
    watch.ledger.flush()
    watch.restart_as(FIRST)
    other = uid_in(FIRST, of="f")
    watch.change(11, crawl="c", metadata={"uid": other}, status={"pagesDone": 50})
    watch.synced(20)
    assert pages(watch) == 0


def test_a_finished_crawl_that_is_anothers_is_served_for_the_retention_and_no_longer(
    watch: ShardWatch,
) -> None:
    watch.change(10, metadata={"uid": OTHERS}, status=OVER)
    watch.synced(20)
    watch.restart_as(FIRST)
    assert [one.deleted_at for one in watch.finished()] == [NOW]
    watch.clock.now = NOW + 86_401
    watch.ledger.expire()
    assert watch.finished() == []


def test_an_end_that_is_asked_for_stays_with_the_shard_that_missed_the_crawl(path: Path) -> None:
    watch = ShardWatch(path, hold_back=True)
    watch.change(10, metadata={"uid": OTHERS})
    watch.synced(20)
    watch.unlisted(21, metadata={"uid": OTHERS})
    assert set(watch.ledger.held_ends) == {OTHERS}
    watch.restart_as(FIRST)
    watch.synced(30)
    assert set(watch.ledger.held_ends) == {OTHERS}


def test_the_ledger_of_another_shard_is_taken_over(watch: ShardWatch) -> None:
    watch.restart_as(FIRST)
    watch.synced(5)
    watch.change(10, metadata={"uid": MINE}, status={"pagesDone": 10})
    counted = watch.changed_totals()
    watch.restart_as(SECOND)
    watch.synced(20)
    assert watch.changed_totals() == counted
    assert dict(watch.ledger.baselines) == {}
    assert watch.resume_point(NAMESPACE) is not None
