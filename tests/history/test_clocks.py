"""The wall clock is set back and forth; nothing waits for it to come back."""

import sqlite3
from contextlib import closing
from pathlib import Path

from exporter.history.ledger import Ledger
from exporter.settings.defaults import DEFAULT_RETENTION
from support.crawl_history import OVER, Watch

DAY = 86_400.0


def test_a_failed_write_is_tried_again_though_the_clock_was_set_back_a_day(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        watch.change(11, status=OVER)
        assert not watch.ledger.flush()
    watch.clock.now -= DAY
    assert watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None


def test_one_crawl_of_the_future_keeps_no_other() -> None:
    watch = Watch()
    watch.synced()
    now = watch.clock.now
    watch.clock.now = now + 1000 * DAY
    watch.change(10, crawl="future", metadata={"uid": "future"}, status=OVER)
    watch.change(11, crawl="future", metadata={"uid": "future"}, status=OVER, deleted=True)
    watch.clock.now = now
    watch.change(12, crawl="past", metadata={"uid": "past"}, status=OVER)
    watch.change(13, crawl="past", metadata={"uid": "past"}, status=OVER, deleted=True)
    ledger: Ledger = watch.ledger
    assert ledger.finished_crawls.keys() == {"future", "past"}
    watch.clock.now = now + 1
    ledger.expire()
    watch.clock.now = now + DEFAULT_RETENTION
    ledger.expire()
    assert ledger.finished_crawls.keys() == {"future"}
    watch.clock.now += 2
    ledger.expire()
    assert not ledger.finished_crawls
