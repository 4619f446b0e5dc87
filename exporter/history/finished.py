"""Finished crawls: shown to the listeners until their retention is over, or there are too many.

The retention counts from when the object was found deleted, not from the crawl's end: an end found
late, after a downtime, is served as long as any other.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from exporter.history.baseline import Baseline
from exporter.history.listener import LedgerListener
from exporter.history.records import FinishedCrawl
from exporter.history.state import LedgerState, PendingWrites


class FinishedCrawls:
    """Keeps the state's finished crawls, and says to the listeners what becomes of them."""

    def __init__(
        self,
        state: LedgerState,
        pending: PendingWrites,
        listeners: Sequence[LedgerListener],
        *,
        retention: float,
        max_finished: int,
    ) -> None:
        """``retention`` in seconds."""
        self._state = state
        self._pending = pending
        self._listeners = listeners
        self._retention = retention
        self._max_finished = max_finished
        self._expiring = deque(
            sorted(
                (record.deleted_at, uid)
                for uid, record in state.finished.items()
                if record.deleted_at is not None
            )
        )
        """By when their object was found deleted, the first in front."""

    def update(self, baseline: Baseline, now: float, *, learned: bool = False) -> bool:
        """Take in how a crawl ended, if it did; whether its object was found deleted just now.

        ``learned``: it had ended before, and how has become known now.
        """
        if baseline.ending is None:
            return False
        known = self._state.finished.get(baseline.uid)
        deleted_at = known.deleted_at if known is not None else None
        learned_at = now if learned else known.learned if known is not None else None
        found_deleted = baseline.deleted and deleted_at is None
        if found_deleted:
            deleted_at = now
            self._expiring.append((now, baseline.uid))
        self._show(FinishedCrawl.of(baseline, baseline.ending, deleted_at, learned_at))
        while len(self._state.finished) > self._max_finished:
            self._drop_oldest()
        return found_deleted

    def leave(self, uids: Iterable[str], now: float) -> None:
        """These objects are watched no more: as if found deleted, for it will never be found."""
        for uid in uids:
            record = self._state.finished[uid]
            self._expiring.append((now, uid))
            self._show(record._replace(deleted_at=now))

    def undelete(self, baseline: Baseline) -> None:
        """The object is there after all; without an ending, the crawl has not finished either."""
        record = self._state.finished.get(baseline.uid)
        if record is None:
            return
        self._expiring = deque(entry for entry in self._expiring if entry[1] != baseline.uid)
        if baseline.ending is None:
            self._forget(baseline.uid)
        else:
            self._show(record._replace(deleted_at=None))

    def expire(self, now: float, most: int) -> None:
        """Forget those past their retention, at most so many.

        One of the future was found before the clock was set back: its retention begins now, and
        the others do not wait for it.
        """
        for _ in range(most):
            if (
                not self._expiring
                or self._expiring[0][0] + self._retention > now >= (self._expiring[0][0])
            ):
                break
            deleted_at, uid = self._expiring.popleft()
            if deleted_at > now:
                self._expiring.append((now, uid))
            else:
                self._forget(uid)

    def _show(self, record: FinishedCrawl) -> None:
        self._state.finished[record.uid] = record
        self._pending.finished.add(record.uid)
        for listener in self._listeners:
            listener.on_finished(record)

    def _drop_oldest(self) -> None:
        """First those whose object is deleted: the others are shown again by their next change."""
        uid = self._expiring.popleft()[1] if self._expiring else next(iter(self._state.finished))
        self._forget(uid)
        self._state.dropped += 1
        self._pending.rest = True

    def _forget(self, uid: str) -> None:
        record = self._state.finished.pop(uid, None)
        if record is not None:
            self._pending.finished.add(uid)
            for listener in self._listeners:
                listener.on_forgotten(record)
