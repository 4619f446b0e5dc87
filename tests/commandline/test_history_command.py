"""``history``: what a ledger has recorded, newest first, for people and for scripts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster.changes import Change
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.resources.crawljob import parse_json
from support.factories import CID, crawljob, to_wire
from support.known_names import give_names
from support.waiting import PROCESS_TIMEOUT

pytestmark = pytest.mark.slow("each command is a process")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exporter", "history", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS_TIMEOUT,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """Two crawls: one that ended by its size limit, and one that was paused and resumed."""
    path = tmp_path / "history.db"
    open_ledger = Ledger.open(path, retention=10**9)
    give_names(open_ledger.names)
    crawls = CrawlJoin(HistoryRecorder(open_ledger, ["crawlers"]))
    crawls.on_synced("crawlers", "1")
    versions = iter(range(2, 100))

    def see(crawl: str, **parts: Any) -> None:
        metadata = {"uid": crawl, "resourceVersion": str(next(versions))}
        job = parse_json(to_wire(crawljob(crawl=crawl, metadata=metadata, **parts)))
        crawls.on_change(Change("crawlers", None, job))

    over = {"state": "complete", "stopReason": "size-limit"}
    see("a", status={"state": "running"})
    see("b", status={"state": "running"})
    see("b", spec={"pausedAt": "2025-05-21T12:10:00Z"}, status={"state": "paused"})
    see("a", status={**over, "finished": "2025-05-21T12:30:00Z"})
    open_ledger.close()
    return str(path)


def test_what_happened_is_listed_newest_first(ledger: str) -> None:
    ended = run("--history.path", ledger, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    entries = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["at"] for one in entries] == sorted((one["at"] for one in entries), reverse=True)
    (over,) = [one for one in entries if one["what"] == "crawl over"]
    assert over["crawl"] == "a"
    assert over["state"] == "complete"
    assert over["stop_reason"] == "size-limit"
    assert over["at"] == "2025-05-21T12:30:00Z"
    paused = [one for one in entries if one["what"] == "paused"]
    assert [(one["crawl"], one["at"]) for one in paused] == [("b", "2025-05-21T12:10:00Z")]
    assert not [one for one in entries if one["what"] == "finished"], "the crawl's entry says it"


def test_one_crawl_and_a_time_can_be_asked_for(ledger: str) -> None:
    of_b = run("--history.path", ledger, "--crawl", "b", "--json").stdout.splitlines()
    assert of_b
    assert {json.loads(line)["crawl"] for line in of_b} == {"b"}
    lately = run("--history.path", ledger, "--since", "1h", "--json").stdout.splitlines()
    assert "crawl over" not in {json.loads(line)["what"] for line in lately}, "long ago"


def test_for_people_it_is_logfmt(ledger: str) -> None:
    lines = run("--history.path", ledger, "--crawl", "a").stdout.splitlines()
    assert any(
        line.startswith('at=2025-05-21T12:30:00Z what="crawl over" namespace=crawlers')
        for line in lines
    )


def test_workflow_and_organisation_are_named_where_the_ledger_knows_them(ledger: str) -> None:
    called = f'cid={CID} workflow="News daily" organisation="Library of X"'
    for line in run("--history.path", ledger).stdout.splitlines():
        assert called in line, "of crawls that are over, and of those that are there"

    forgetful = Ledger.open(Path(ledger), retention=10**9)
    forgetful.names.withhold()
    forgetful.close()

    entries = [
        json.loads(line) for line in run("--history.path", ledger, "--json").stdout.splitlines()
    ]
    assert entries
    for entry in entries:
        assert entry["cid"] == CID
        assert not {"workflow", "organisation"} & entry.keys()


def test_wrong_use_and_a_file_that_is_no_ledger_are_reported_in_one_line(tmp_path: Path) -> None:
    unnamed = run()
    assert (unnamed.returncode, unnamed.stderr.count("\n")) == (2, 1)
    assert "--history.path" in unnamed.stderr
    missing = run("--history.path", str(tmp_path / "missing.db"))
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "missing.db" in missing.stderr
    other = tmp_path / "other.db"
    other.write_text("no database at all")
    wrong = run("--history.path", str(other))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert other.read_text() == "no database at all", "it is left as it is"
    since = run("--history.path", str(other), "--since", "soon")
    assert since.returncode == 2
    assert "expected a duration" in since.stderr
