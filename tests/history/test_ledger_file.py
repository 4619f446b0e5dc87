"""The ledger's file: what survives a kill, and that one exporter writes it."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy, fixed_dictionaries, lists, none, sampled_from

from exporter.history.database import read_only
from exporter.history.errors import LedgerError
from exporter.history.ledger import Ledger
from exporter.history.reading import finished_crawls
from exporter.history.state import load
from support.counters import FINISHED, POD_EXITS, STATES_ENTERED, VANISHED
from support.crawl_history import OVER, Watch, finished_once, sql
from support.factories import NAMESPACE, crawler_pod

TIMES = (None, "2025-05-21T12:01:00Z", "2025-05-21T12:02:00Z")


def statuses() -> SearchStrategy[dict[str, Any]]:
    """What changes of one crawl may say; some of them step back."""
    pod = fixed_dictionaries(
        {
            "evicted": sampled_from((None, True, False)),
            "exitTime": sampled_from(TIMES),
            "exitCode": sampled_from((None, 0, 137)),
            "newMemory": sampled_from((None, 2**30, 2**31)),
        }
    )
    status: SearchStrategy[Any] = fixed_dictionaries(
        {
            "state": sampled_from(("starting", "running", "paused", "complete", 7)),
            "pagesDone": sampled_from((3, 8)),
            "size": sampled_from((100, 200)),
            "crawlExecTime": sampled_from((60, 120)),
            "stopReason": sampled_from((None, "paused", "size-limit", "stopped_by_user")),
            "podStatus": fixed_dictionaries({"crawl-manual-1-0": pod}) | none(),
        }
    )
    spec: SearchStrategy[Any] = fixed_dictionaries(
        {
            "pausedAt": sampled_from(("", *TIMES)),
            "restartTime": sampled_from(TIMES),
            "scale": sampled_from((None, 1, 2)),
        }
    )
    return fixed_dictionaries({"status": status, "spec": spec})


def test_an_event_is_on_disk_before_the_change_returns(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(11, status=OVER)
    watch.kill()
    assert finished_once(watch)
    assert watch.total(STATES_ENTERED, "running") == 1
    assert [one.state for one in watch.finished()] == ["complete"]


def test_a_change_without_an_event_waits_for_the_next_write(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(11, status={"pagesDone": 50})
    assert sql(path, "SELECT value FROM totals WHERE family LIKE '%pages_total'") == [(45.0,)]
    watch.ledger.flush()
    assert sql(path, "SELECT value FROM totals WHERE family LIKE '%pages_total'") == [(50.0,)]


def test_figures_are_written_without_the_rest_of_the_baseline(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    whole = sql(path, "SELECT baseline FROM baselines")
    assert sql(path, "SELECT uid FROM figures") == []
    watch.change(11, status={"pagesDone": 50, "crawlExecTime": 4000})
    watch.ledger.flush()
    assert sql(path, "SELECT baseline FROM baselines") == whole
    figures = "SELECT version, pages, exec_seconds FROM figures"
    assert sql(path, figures) == [("11", 50, 4000.0)]
    before = watch.ledger.baselines
    watch.kill()
    assert watch.ledger.baselines == before
    watch.change(12, status={"state": "paused", "pagesDone": 50, "crawlExecTime": 4000})
    watch.ledger.flush()
    assert sql(path, figures) == []


@settings(max_examples=60)
@given(changes=lists(statuses(), min_size=2, max_size=8))
def test_after_each_write_the_file_has_all_that_is_known(
    tmp_path: Path, changes: list[dict[str, Any]]
) -> None:
    path = tmp_path / "history.db"
    path.unlink(missing_ok=True)
    watch = Watch(path)
    watch.synced()
    for number, parts in enumerate(changes):
        watch.change(10 + number, **parts)
        assert watch.ledger.flush()
        with closing(read_only(path)) as database:
            assert load(database).baselines == watch.ledger.baselines
    watch.ledger.close()


def test_nothing_is_written_where_nothing_changed(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    writes = watch.ledger.file_status.writes
    assert watch.ledger.flush()
    assert watch.ledger.file_status.writes == writes


def test_a_start_with_many_crawls_writes_in_batches(path: Path) -> None:
    watch = Watch(path)
    writes = watch.ledger.file_status.writes
    for number in range(1200):
        watch.change(10 + number, crawl=f"c{number}", pods={})
    watch.synced(2000)
    assert watch.ledger.file_status.writes - writes == 3
    watch.kill()
    assert watch.total(STATES_ENTERED, "running") == 1200


def test_everything_continues_after_a_kill(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, spec={"pausedAt": "2025-05-21T12:05:00Z"})
    watch.change(11)
    watch.change(12, crawl="other", status=OVER, deleted=True)
    watch.recorder.on_bookmark(NAMESPACE, "12")
    watch.ledger.expire()
    watch.ledger.flush()
    before, versions = watch.ledger, watch.resource_versions()
    watch.kill()
    after = watch.ledger
    assert after.baselines == before.baselines
    assert after.finished_crawls == before.finished_crawls
    assert after.tallies.totals == before.tallies.totals
    assert after.tallies.histograms == before.tallies.histograms
    assert watch.resource_versions() == versions == {NAMESPACE: "12"}


def test_an_exporter_killed_by_the_system_loses_no_change_it_has_handled(path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    handled = [child.stdout.readline() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    handled += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    watch = Watch(path)
    assert watch.total(FINISHED, "complete", "") >= len([line for line in handled if line.strip()])
    assert watch.total(FINISHED, "complete", "") == len(watch.ledger.finished_crawls)


_CHILD = """
import itertools, pathlib, sys
from support.crawl_history import Watch
watch = Watch(pathlib.Path(sys.argv[1]))
watch.synced()
for n in itertools.count(10):
    watch.change(n, crawl=f"c{n}", pods={}, status={"state": "complete"})
    print(n, flush=True)
"""


def test_without_a_path_nothing_is_written_and_all_is_counted(tmp_path: Path) -> None:
    watch = Watch(None)
    watch.synced()
    watch.change(10, status=OVER)
    assert finished_once(watch)
    assert watch.ledger.flush()
    watch.kill()
    assert not finished_once(watch)
    assert list(tmp_path.iterdir()) == []


def test_another_cluster_has_no_resume_point_and_what_it_does_not_show_has_not_vanished(
    path: Path,
) -> None:
    watch = Watch(path, cluster="https://one", scopes=(NAMESPACE, "other"))
    watch.synced(7)
    watch.recorder.on_synced("other", "7")
    pods = {"crawl-x-0": crawler_pod(exitTime="2025-05-21T12:01:00Z", exitCode=9)}
    watch.change(10, crawl="seen", pods=pods)
    watch.change(11, crawl="unseen")
    watch.change(12, crawl="elsewhere", namespace="other")
    watch.ledger.close()
    watch = Watch(path, cluster="https://two", scopes=(NAMESPACE, "other"))
    assert watch.resource_versions() == {}
    watch.change(3, crawl="seen", pods=pods, metadata={"uid": "uid-crawlers-seen"})
    watch.synced(3)
    watch.kill()  # before the other scope was seen
    assert watch.ledger.moved_to == "https://two"
    watch.change(3, crawl="seen", pods=pods, metadata={"uid": "uid-crawlers-seen"})
    watch.synced(3)
    watch.recorder.on_synced("other", "3")
    assert watch.ledger.moved_to is None
    assert watch.total(VANISHED) == 0
    assert watch.total(POD_EXITS, "crawler", "other") == 1
    assert {baseline.crawl for baseline in watch.ledger.baselines.values()} == {"seen"}
    watch.kill()
    assert watch.ledger.moved_to is None
    assert watch.resource_versions() == {NAMESPACE: "3", "other": "3"}


def test_what_is_not_watched_any_more_is_forgotten_but_for_its_counts(path: Path) -> None:
    watch = Watch(path, scopes=(NAMESPACE, "other"))
    watch.synced(7)
    watch.recorder.on_synced("other", "7")
    watch.change(10)
    watch.change(11, namespace="other", status=OVER)
    watch.ledger.close()
    watch = Watch(path)
    assert watch.resource_versions() == {NAMESPACE: "7"}
    assert {baseline.namespace for baseline in watch.ledger.baselines.values()} == {NAMESPACE}
    assert [one.namespace for one in watch.finished()] == ["other"]


def test_a_second_exporter_is_refused(path: Path) -> None:
    watch = Watch(path)
    with pytest.raises(LedgerError, match=rf"another exporter \(process {os.getpid()}\)"):
        Ledger.open(path)
    watch.ledger.close()
    Ledger.open(path).close()


async def test_a_ledger_can_be_read_while_it_is_written(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    assert [one.state for one in finished_crawls(path)] == ["complete"]
    watch.change(11, crawl="other", status=OVER)
    assert len(finished_crawls(path)) == 2
    await watch.ledger.checkpoint()
    assert len(finished_crawls(path)) == 2
