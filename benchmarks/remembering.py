"""What a long memory costs a start: a ledger with a hundred thousand finished crawls."""

import tempfile
import time
from pathlib import Path
from typing import Final

from exporter.app import Pipeline
from exporter.history.baseline import Baseline, Ending
from exporter.history.difference import Difference
from exporter.history.ledger import Ledger
from exporter.runtime.garbage_collection import keep_collections_short
from exporter.settings import Settings

FINISHED: Final = 100_000


def seconds_to_open() -> float:
    """Seconds by the clock until such a ledger is read and its series are ready to be served."""
    keep_collections_short()  # as the exporter does
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.db")
        _fill(path)
        started = time.perf_counter()
        ledger = Ledger.open(path)
        Pipeline(Settings(), ledger)
        seconds = time.perf_counter() - started
        assert len(ledger.finished_crawls) == FINISHED
        ledger.close()
    return seconds


def finish(ledger: Ledger, number: int, finished: float) -> None:
    """Let the ledger know of a crawl that finished then, and was deleted since."""
    uid = f"00000000-0000-4000-8000-{number:012d}"
    org, crawl = f"org-{number % 500}", f"manual-20260101000000-{number:012d}"
    baseline = Baseline(uid, "crawlers", org, crawl, "job", deleted=True)
    baseline.ending = Ending("complete", "", finished, stated=True, timed=True)
    ledger.record(baseline, Difference(ending_changed=True))
    ledger.forget([uid])  # as once no replay can show it again


def _fill(path: Path) -> None:
    ledger = Ledger.open(path)
    now = time.time()
    for number in range(FINISHED):
        finish(ledger, number, now - number % 3600)
    assert ledger.flush()
    ledger.close()
