"""The ends that nobody saw are asked for: Browsertrix has a record of each crawl.

A counter never falls, so an end that may still be found out is not counted as unknown first: the
recorder holds it back, on disk, and here it is released, once, as what it is. Until then it is in
no counter, no series and no alert. It is released as unknown where nothing can be found out: an
alert may be late, but comes. How long that is waited for counts from when the crawl was found
missing, which is on disk, too: however often the exporter is restarted, it is one hour.

Ten thousand, after a long outage, are no load: those found first are asked for first, ten a second
and ten at once at most. That takes as long as it takes, and while Browsertrix answers, the hour
ends no wait for a first answer. While it does not, one request at a time finds out whether it does
again.

That there is no record means that somebody has deleted the crawl only where Browsertrix knows its
organisation: any other Browsertrix, by whose address this one's was replaced by mistake, has no
record of it either.
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

PACE: Final = 0.1
"""Seconds from one request to the next, at least."""
MOST_REQUESTS: Final = 10
"""At once."""
LIMIT: Final = 3600.0
"""Seconds from when a crawl was found missing, after which it is asked for no more."""
PATIENCE: Final = 600.0
"""Seconds from the first answer, after which one that tells no end is asked for no more: where the
operator was away as well, a record is as late as it."""
_GRACE: Final = 60.0
"""Seconds from a start, and from a first request, in which it is asked for though the hour is
over: one that fails is not the last one."""
_FIRST_DELAY: Final = 10.0
_LONGEST_DELAY: Final = 60.0
"""Seconds until a crawl is asked for again whose record told no end."""
_LOOK: Final = 1.0
"""Seconds between looks for ends that are new, or have been asked for long enough."""
_AT_ONCE: Final = 500
"""Ends released in one go; more would hold up the event loop."""


class CrawlRecords(Protocol):
    """Where the records of crawls are asked for."""

    async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
        """Return the record; None where there is none any more.

        Raises RequestError while it cannot be asked for, in a minute or two at most.
        """

    def lists_organisation(self, oid: str, /) -> bool:
        """Return whether it is known to have this organisation."""


@dataclass(slots=True)
class _Question:
    """One end that is asked for. Times by the monotonic clock."""

    held: HeldEnd
    expires: float
    """``LIMIT`` after it was found, or ``_GRACE`` after something else."""
    asked: bool = False
    """Whether there was a request, of this process, that has ended."""
    answered: float | None = None
    """When the first one was answered."""
    in_flight: bool = False
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
        self._questions: dict[str, _Question] = {}
        """By uid."""
        self._turns: list[tuple[float, int, str]] = []
        """A heap: when whose turn is by the monotonic clock, the first found before its equals."""
        self._number = 0
        self._requests = 0
        """In flight."""
        self._failing = False
        """Whether the last request failed."""
        self._failures = Backoff()
        self._next_request = 0.0
        self._rests_until = 0.0
        """After a failure. Both by the monotonic clock."""

    async def run(self) -> None:
        """Ask until cancelled; it may be run again after a fault."""
        now = asyncio.get_running_loop().time
        look_at = now()
        async with asyncio.TaskGroup() as requests:
            while True:
                if now() >= look_at:
                    self._follow_ledger(now())
                    await self._give_up(now())
                    look_at = now() + _LOOK
                if self._may_ask(now()) and (uid := self._next_turn(now())) is not None:
                    self._next_request = now() + PACE
                    requests.create_task(self._ask(uid))
                await asyncio.sleep(PACE if self._questions else _LOOK)

    def _follow_ledger(self, now: float) -> None:
        held = self._ledger.held_ends
        for uid, question in list(self._questions.items()):
            if held.get(uid) is not question.held:
                del self._questions[uid]
        if len(self._questions) == len(held):
            return
        for uid, one in held.items():
            if uid not in self._questions:
                # A clock that was set back makes it no older than it is, and no younger.
                age = min(max(0.0, self._clock() - one.unseen.found), LIMIT)
                self._questions[uid] = _Question(one, now + max(LIMIT - age, _GRACE))
                self._queue(uid, now)

    def _queue(self, uid: str, due: float) -> None:
        self._number += 1
        heapq.heappush(self._turns, (due, self._number, uid))

    def _may_ask(self, now: float) -> bool:
        most = 1 if self._failing else MOST_REQUESTS
        return self._requests < most and now >= max(self._next_request, self._rests_until)

    def _next_turn(self, now: float) -> str | None:
        """Of those whose turn has come, the one whose turn came first."""
        while self._turns and self._turns[0][0] <= now:
            uid = heapq.heappop(self._turns)[2]
            question = self._questions.get(uid)
            if question is not None and not question.in_flight:
                return uid
        return None

    async def _ask(self, uid: str) -> None:
        now, question = asyncio.get_running_loop().time, self._questions[uid]
        if not question.asked:  # its turn may have come late
            question.expires = max(question.expires, now() + _GRACE)
        due = now() + question.delays.next()  # after a fault of ours, too
        question.in_flight = True
        self._requests += 1
        try:
            record = await self._records.crawl(question.held.baseline.crawl)
        except RequestError as error:
            self._failed(error, now())
            due = now()
        else:
            self._answered()
            if question.answered is None:
                question.answered = now()
            if self._ledger.held_ends.get(uid) is question.held:  # its object is not there again
                self._take_in(uid, question.held, record)
        finally:
            self._requests -= 1
            question.in_flight = False
            question.asked = True
            self._queue(uid, due)

    def _take_in(self, uid: str, held: HeldEnd, record: CrawlRecord | None) -> None:
        """Release the end, where the answer tells it."""
        difference = Difference()
        believed = record is not None or self._is_deleted(held)
        if believed and learn(held.baseline, record, held.unseen, difference):
            self._release(uid, difference)
            self._ledger.flush()

    def _is_deleted(self, held: HeldEnd) -> bool:
        """Whether a crawl without a record was deleted, or known to be so in any case."""
        crawl = held.baseline
        return crawl.cancel_asked is not None or self._records.lists_organisation(crawl.oid)

    def _answered(self) -> None:
        if self._failing:
            logger.info("history: Browsertrix tells again how vanished crawls ended")
        self._failing = False
        self._failures.reset()

    def _failed(self, error: RequestError, now: float) -> None:
        if not self._failing:
            logger.warning(
                "history: Browsertrix cannot be asked how vanished crawls ended; trying again",
                extra={"error": str(error)},
            )
        self._failing = True
        if now >= self._rests_until:  # else it was sent together with another one that failed
            self._rests_until = now + self._failures.next(error.retry_after)

    async def _give_up(self, now: float) -> None:
        """Release as unknown what has been asked for too long, or cannot be."""
        released = 0
        for uid, one in list(self._questions.items()):
            if not self._is_in_vain(one, now) or self._ledger.held_ends.get(uid) is not one.held:
                continue
            self._conclude(uid, one.held)
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

    def _is_in_vain(self, question: _Question, now: float) -> bool:
        if question.in_flight:
            return False
        if question.answered is not None and now >= question.answered + PATIENCE:
            return True
        return now >= question.expires and (question.asked or self._failing)

    def _conclude(self, uid: str, held: HeldEnd) -> None:
        difference = Difference()
        conclude(held.baseline, held.unseen, difference, pause_limit=self._pause_limit.seconds)
        self._release(uid, difference)

    def _release(self, uid: str, difference: Difference) -> None:
        self._ledger.release(uid, difference)
        del self._questions[uid]
