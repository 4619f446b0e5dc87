"""The ends that nobody saw are asked for: Browsertrix has a record of each crawl.

A counter never falls, so an end that may still be found out is not counted as unknown first: the
recorder holds it back, on disk, and here it is released, once, as what it is. Until then it is in
no counter, no series and no alert. It is released as unknown where the record tells no end within
ten minutes, or Browsertrix cannot be asked for so long: an alert may be late, but comes.

The one whose turn has come first is asked for first, one at a time and five a second at most: ten
thousand, after a long outage, take half an hour and are no load. While Browsertrix does not answer,
one request at a time finds out whether it does again.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from exporter.crawls import PauseLimit
from exporter.history.closing import conclude, learn
from exporter.history.difference import Difference, HeldEnd
from exporter.history.ledger import Ledger
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.runtime.backoff import Backoff
from exporter.runtime.http_errors import RequestError

logger = logging.getLogger(__name__)

PACE: Final = 0.2
"""Seconds from one request to the next, at least."""
PATIENCE: Final = 600.0
"""Seconds of asking in vain, for one crawl's end or for any, after which it is unknown."""
LONGEST: Final = 3600.0
"""Seconds from when it was found missing after which an end is unknown in any case: however often
the exporter was restarted meanwhile, and however slow Browsertrix answers."""
_DEADLINE: Final = 30.0
"""Seconds for one answer, whatever deadlines the client has."""
_FIRST_DELAY: Final = 10.0
_LONGEST_DELAY: Final = 60.0
"""Seconds until the same crawl is asked for again."""
_LOOK: Final = 1.0
"""Seconds between looks for ends that are new, or have been asked for long enough."""
_AT_ONCE: Final = 500
"""Ends released in one go; more would hold up the event loop."""


class CrawlRecords(Protocol):
    """Where the records of crawls are asked for."""

    async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
        """Return the record; None where there is none any more.

        Raises RequestError while it cannot be asked for.
        """


@dataclass(slots=True)
class _Asked:
    """One end that is asked for. Times by the monotonic clock."""

    since: float
    """When this process first knew of it."""
    expires: float
    """``LONGEST`` after it was found or, once it was asked for, ``PATIENCE`` after that."""
    was_asked: bool = False
    delays: Backoff = field(default_factory=lambda: Backoff(_FIRST_DELAY, _LONGEST_DELAY))


class VanishedCrawls:
    """Releases what the ledger holds back: see the module. Run ``run`` beside the recorder."""

    def __init__(
        self,
        ledger: Ledger,
        records: CrawlRecords,
        clock: Callable[[], float] = time.time,
        *,
        pause_limit: PauseLimit | None = None,
    ) -> None:
        """``pause_limit`` is Browsertrix's, its default where it is not given."""
        self._ledger = ledger
        self._records = records
        self._clock = clock
        self._pause_limit = pause_limit or PauseLimit()
        self._asked: dict[str, _Asked] = {}
        """By uid."""
        self._turns: list[tuple[float, int, str]] = []
        """A heap: when whose turn is by the monotonic clock, the first found before its equals."""
        self._number = 0
        self._failures = Backoff()
        self._failing_since: float | None = None
        """By the monotonic clock; None while Browsertrix answers."""

    async def run(self) -> None:
        """Ask until cancelled; it may be run again after a fault."""
        now = asyncio.get_running_loop().time
        look_at = next_request = now()
        while True:
            if now() >= look_at:
                self._follow_ledger(now())
                await self._give_up(now())
                look_at = now() + _LOOK
            if now() >= next_request and (uid := self._next_turn(now())) is not None:
                next_request = now() + PACE
                delay = await self._ask(uid, now)
                next_request = max(next_request, now() + delay)
            await asyncio.sleep(PACE if self._asked else _LOOK)

    def _follow_ledger(self, now: float) -> None:
        held = self._ledger.held_ends
        for uid in self._asked.keys() - held.keys():
            del self._asked[uid]
        if len(self._asked) == len(held):
            return
        for uid, one in held.items():
            if uid not in self._asked:
                # A clock that was set back makes it no older than it is, and no younger.
                age = min(max(0.0, self._clock() - one.unseen.found), LONGEST)
                self._asked[uid] = _Asked(since=now, expires=now + LONGEST - age)
                self._queue(uid, now)

    def _queue(self, uid: str, due: float) -> None:
        self._number += 1
        heapq.heappush(self._turns, (due, self._number, uid))

    def _next_turn(self, now: float) -> str | None:
        """Of those whose turn has come, the one whose turn came first."""
        while self._turns and self._turns[0][0] <= now:
            uid = heapq.heappop(self._turns)[2]
            if uid in self._asked and uid in self._ledger.held_ends:
                return uid
        return None

    async def _ask(self, uid: str, now: Callable[[], float]) -> float:
        """Ask for one; the seconds for which to ask for no other."""
        asked, held = self._asked[uid], self._ledger.held_ends[uid]
        # First, so that one whose answer is a fault of ours waits for its next turn, too.
        self._queue(uid, now() + asked.delays.next())
        if not asked.was_asked:
            asked.was_asked = True
            asked.expires = min(asked.expires, now() + PATIENCE)
        crawl = held.baseline.crawl
        try:
            async with asyncio.timeout(_DEADLINE):
                record = await self._records.crawl(crawl)
        except (RequestError, TimeoutError) as error:
            return self._failed(error, now())
        if self._failing_since is not None:
            logger.info("history: Browsertrix tells again how vanished crawls ended")
        self._failing_since = None
        self._failures.reset()
        if self._ledger.held_ends.get(uid) is not held:
            return 0.0  # its object is there after all
        difference = Difference()
        if record is not None and record.id != crawl:
            logger.warning("history: Browsertrix answers with another crawl's record")
        elif learn(held.baseline, record, held.unseen, difference):
            self._release(uid, difference)
            self._ledger.flush()
        return 0.0

    def _failed(self, error: RequestError | TimeoutError, now: float) -> float:
        if self._failing_since is None:
            self._failing_since = now
            logger.warning(
                "history: Browsertrix cannot be asked how vanished crawls ended; trying again",
                extra={"error": str(error) or f"no answer within {_DEADLINE:.0f} s"},
            )
        retry_after = error.retry_after if isinstance(error, RequestError) else None
        return self._failures.next(retry_after)

    async def _give_up(self, now: float) -> None:
        """Release as unknown what has been asked for too long, or cannot be."""
        released = 0
        for uid in self._in_vain(now):
            held = self._ledger.held_ends.get(uid)
            if held is None:
                continue
            self._conclude(uid, held)
            released += 1
            if released % _AT_ONCE == 0:
                self._ledger.flush()
                await asyncio.sleep(0)
        if released:
            self._ledger.flush()
            logger.warning(
                "history: it could not be found out how crawls that vanished ended",
                extra={"crawls": released},
            )

    def _in_vain(self, now: float) -> list[str]:
        failing = self._failing_since is not None and now - self._failing_since >= PATIENCE
        return [
            uid
            for uid, one in self._asked.items()
            if now >= one.expires or (failing and now - one.since >= PATIENCE)
        ]

    def _conclude(self, uid: str, held: HeldEnd) -> None:
        difference = Difference()
        conclude(held.baseline, held.unseen, difference, pause_limit=self._pause_limit.seconds)
        self._release(uid, difference)

    def _release(self, uid: str, difference: Difference) -> None:
        self._ledger.release(uid, difference)
        del self._asked[uid]
