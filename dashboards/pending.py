"""Metrics that the dashboards ask for and the catalog does not have yet; to be removed with it.

Those of the history room (issue 3): it counts them, but nothing serves them so far. The names of
the last few are guesses.
"""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from exporter.history.ledger import Ledger
from exporter.history.tallies import BUCKETS, COUNTERS, HISTOGRAMS
from exporter.metrics import CATALOG

FINISHED: Final = "browsertrix_crawl_finished_timestamp_seconds"
PAUSED: Final = "browsertrix_crawl_paused_seconds"
_LEDGER: Final = "browsertrix_exporter_ledger_"

_ALL: Final[dict[str, tuple[str, ...]]] = {
    **COUNTERS,
    **{f"{name}_bucket": (*labels, "le") for name, labels in HISTOGRAMS.items()},
    PAUSED: ("namespace", "oid", "crawl"),
    f"{_LEDGER}failing": (),
    f"{_LEDGER}writes_total": (),
    f"{_LEDGER}write_failures_total": (),
}
_SERVED: Final = {name for family in CATALOG for name in family.sample_names}
PENDING: Final = {name: labels for name, labels in _ALL.items() if name not in _SERVED}
"""Labels by sample name."""


def pending_text(ledger: Ledger) -> bytes:
    """The samples of pending metrics, as the exposition would say them."""
    memory = ledger.memory
    lines = []
    for (name, words), value in memory.tallies.totals.items():
        lines.append(_line(name, COUNTERS[name], words, value))
    for (name, words), histogram in memory.tallies.histograms.items():
        labels = (*HISTOGRAMS[name], "le")
        for bound, count in zip((*BUCKETS, "+Inf"), accumulate(histogram.counts), strict=True):
            lines.append(_line(f"{name}_bucket", labels, (*words, str(bound)), count))
    for record in memory.finished.values():
        who = (record.namespace, record.oid, record.crawl)
        if record.gone is not None:
            words = (*who, record.state, record.stop_reason)
            labels = ("namespace", "oid", "crawl", "state", "stop_reason")
            lines.append(_line(FINISHED, labels, words, record.finished))
    for facts in memory.facts.values():
        if not facts.gone:
            who = (facts.namespace, facts.oid, facts.crawl)
            lines.append(_line(PAUSED, ("namespace", "oid", "crawl"), who, facts.paused_seconds))
    keeper = ledger.keeper
    lines.append(_line(f"{_LEDGER}failing", (), (), keeper.fault is not None))
    lines.append(_line(f"{_LEDGER}writes_total", (), (), keeper.writes))
    lines.append(_line(f"{_LEDGER}write_failures_total", (), (), keeper.failures))
    return ("\n".join(lines) + "\n").encode()


def _line(name: str, labels: Iterable[str], words: Iterable[str], value: float) -> str:
    inner = ",".join(f'{label}="{word}"' for label, word in zip(labels, words, strict=True))
    return f"{name}{{{inner}}} {float(value)}" if inner else f"{name} {float(value)}"
