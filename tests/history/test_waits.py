"""When a recorder writes, checkpoints and forgets: to the second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.history import ledger_file
from exporter.history.events import Resumed
from exporter.history.ledger import Ledger
from exporter.history.records import FileStatus
from exporter.simulator.apiserver.encoding import stamp
from support.crawl_history import NOW, CrawlHistory, Watch
from support.virtual_time import in_virtual_time, now


@asynccontextmanager
async def recording(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> AsyncIterator[dict[str, list[float]]]:
    """Run the recorder; gives when it called what of the ledger."""
    calls: dict[str, list[float]] = {}
    for name in ("expire", "flush"):
        times = calls.setdefault(name, [])
        monkeypatch.setattr(watch.ledger, name, lambda times=times: times.append(now()))

    async def checkpoint() -> None:
        calls["checkpoint"].append(now())

    calls["checkpoint"] = []
    monkeypatch.setattr(watch.ledger, "checkpoint", checkpoint)
    task = asyncio.create_task(watch.recorder.run())
    yield calls
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_it_looks_each_second_writes_every_five_and_checkpoints_every_thirty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with recording(monkeypatch, Watch()) as calls:
        await asyncio.sleep(65.5)
    assert calls == {
        "expire": [*range(1, 66)],
        "flush": [*range(5, 66, 5)],
        "checkpoint": [30, 60],
    }


@in_virtual_time
async def test_a_write_that_failed_is_tried_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    status = FileStatus(persistent=True, last_error="full", write_failures=1, writes=0)
    monkeypatch.setattr(Ledger, "file_status", status)
    async with recording(monkeypatch, Watch()) as calls:
        await asyncio.sleep(4.5)
    assert calls["flush"] == [1, 2, 3, 4]
    assert calls["checkpoint"] == []


@in_virtual_time
async def test_a_long_wal_is_checkpointed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Watch()
    monkeypatch.setattr(Ledger, "wal_is_long", True)
    async with recording(monkeypatch, watch) as calls:
        await asyncio.sleep(2.5)
    assert calls["checkpoint"] == [1, 2]
    assert calls["flush"] == []


def test_a_wal_is_long_beyond_four_mebibytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(path)
    monkeypatch.setattr(ledger_file, "wal_size", lambda _: 4 * 2**20)
    assert not watch.ledger.wal_is_long
    monkeypatch.setattr(ledger_file, "wal_size", lambda _: 4 * 2**20 + 1)
    assert watch.ledger.wal_is_long
    assert not Watch().ledger.wal_is_long, "in memory there is none"


def test_events_past_their_retention_are_looked_for_every_ten_seconds() -> None:
    watch = Watch(retention=45.0)
    watch.synced()
    watch.change(10)
    kept = []
    for second in range(1, 70):
        watch.clock.now = NOW + second
        watch.ledger.expire()
        kept.append(len(watch.ledger.recent_events) > 0)
    assert kept.index(False) + 1 == 50


@pytest.mark.parametrize(("ahead", "resumed"), [(59, NOW + 59), (60, NOW + 60), (61, NOW)])
def test_the_api_server_s_clock_may_be_a_minute_ahead(ahead: int, resumed: float) -> None:
    crawl = CrawlHistory()
    crawl.status(spec={"pausedAt": stamp(NOW - 100)})
    fields = [{"manager": "OpenAPI-Generator", "time": stamp(NOW + ahead)}]
    events = crawl.status(NOW, metadata={"managedFields": fields})
    assert events == [Resumed(resumed, resumed - (NOW - 100))]
