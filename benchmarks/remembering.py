"""What a long memory costs a start: a ledger with a hundred thousand finished crawls."""

import tempfile
import time
from pathlib import Path
from typing import Final

from exporter.app import Pipeline
from exporter.history.ledger import Ledger
from exporter.history.records import FinishedCrawl
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
        assert len(ledger.memory.finished) == FINISHED
        ledger.close()
    return seconds


def _fill(path: Path) -> None:
    ledger = Ledger.open(path)
    now = time.time()
    for number in range(FINISHED):
        uid = f"00000000-0000-4000-8000-{number:012d}"
        ledger.memory.finished[uid] = FinishedCrawl(
            uid, "crawlers", f"org-{number % 500}", f"manual-20260101000000-{number:012d}",
            "complete", "", now - number % 3600, 0.0, now,
        )  # fmt: skip
    ledger.file.incomplete = True  # so that all is written
    assert ledger.flush()
    ledger.close()
