"""From a watch to metacontroller and back before a first round is over: the watch replays it all.

What metacontroller has told of since comes a second time, also the deletion of what it released.
With real processes: ``tests/end_to_end/test_metacontroller.py``.
"""

from pathlib import Path
from typing import Any

from support.counters import FINISHED, VANISHED
from support.crawl_history import OVER, Watch, closed_ledgers
from support.hooked import Hooked, deleted_wire, job_wire

__all__ = ["closed_ledgers"]


def of(uid: str) -> dict[str, Any]:
    """The same crawl as ``job_wire`` makes, for a watch."""
    return {"crawl": f"manual-{uid}", "metadata": {"uid": uid}}


async def test_ends_told_of_in_a_round_that_was_not_over_are_replayed_and_count_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "history.db"
    watch = Watch(path)
    watch.synced(100)
    for version, uid in ((101, "ends"), (102, "goes"), (103, "stays")):
        watch.change(version, **of(uid))
    watch.recorder.on_bookmark(watch.scope, "103")
    watch.ledger.close()

    async with Hooked(path, clock=watch.clock) as hooked:
        await hooked.sync(job_wire("ends", 110, status=OVER))
        assert (await hooked.finalize(deleted_wire("ends", 111, status=OVER)))["finalized"]
        assert (await hooked.finalize(deleted_wire("goes", 112)))["finalized"]
        assert not hooked.jobs.synced

    watch.start()
    point = watch.resume_point()
    assert point is not None
    assert (point.resource_version, set(point.uids)) == ("103", {"stays"})
    watch.change(103, **of("stays"))
    watch.change(110, **of("ends"), status=OVER)
    watch.change(111, **of("ends"), status=OVER)
    watch.change(112, **of("goes"))
    watch.change(113, deleted=True, **of("ends"), status=OVER)
    watch.change(114, deleted=True, **of("goes"))
    watch.synced(114)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.total(VANISHED) == 1
    assert {one.uid: one.state for one in watch.finished()} == {
        "ends": "complete",
        "goes": "unknown",
    }
