"""A ledger of an older release is continued: what it has stands, and what is new can be kept."""

from pathlib import Path

from exporter.history import schema
from support.counters import FINISHED, VANISHED
from support.crawl_history import NOW, OVER, Watch, kill, sql
from support.crawl_records import FINISHED_AT, Records, ask, record_of
from support.factories import NAMESPACE, OID
from support.virtual_time import in_virtual_time

WITHOUT_HELD = 4
"""The layout before ends were held back."""


def as_before_ends_were_held(path: Path) -> None:
    """Make of a ledger what the release before would have left of the same crawls."""
    for statement in (
        "DROP TABLE held",
        "ALTER TABLE finished DROP COLUMN learned",
        "UPDATE baselines SET baseline = json_remove(baseline, '$.size_limit', '$.time_limit')",
        f"PRAGMA user_version={WITHOUT_HELD}",
    ):
        sql(path, statement)


def test_a_ledger_from_before_ends_were_held_back_is_continued(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path)
        watch.synced()
        watch.change(10, crawl="over", metadata={"uid": "over"}, status=OVER, deleted=True)
        watch.change(11, crawl="gone", metadata={"uid": "gone"})
        watch.ledger.close()
        as_before_ends_were_held(path)

        watch = Watch(path, hold_back=True)
        assert sql(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
        (over,) = watch.finished()
        assert (over.crawl, over.oid, over.state, over.learned) == ("over", OID, "complete", None)
        assert watch.total(FINISHED, "complete", "") == 1
        assert watch.resource_versions() == {NAMESPACE: "1"}
        watch.synced(20)
        assert set(watch.ledger.held_ends) == {"gone"}
        watch.kill()
        assert set(watch.ledger.held_ends) == {"gone"}
        assert watch.ledger.held_ends["gone"].unseen.found == NOW

        await ask(watch, Records({"gone": record_of("gone", "complete")}), 2)
        watch.kill()
        found = {one.crawl: one for one in watch.finished()}
        assert set(found) == {"over", "gone"}
        gone = found["gone"]
        assert (gone.state, gone.stop_reason, gone.finished) == ("complete", "unknown", FINISHED_AT)
        assert gone.learned is not None
        assert watch.total(FINISHED, "complete", "unknown") == 1
        assert watch.total(VANISHED) == 0
        kill(watch.ledger)

    run()


def test_the_step_comes_after_those_that_were_released() -> None:
    assert "CREATE TABLE org_names" in schema.MIGRATIONS[WITHOUT_HELD - 1]
    assert "CREATE TABLE held" in schema.MIGRATIONS[WITHOUT_HELD]
