"""What has to be asked of each organisation in turn, spread over the interval.

Nothing is handed on before all have been asked once: some organisations' workflows alone would look
as if those of the others had been deleted, and sums would be too small. From then on an answer is
handed on within a minute, with what the others said last, for with a thousand organisations a round
is as long as the interval. Each counts for itself: where one cannot be asked, what it said last is
known for three intervals, or three rounds where they take longer.
"""

import asyncio
import random
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.browsertrix.http import NotFoundError
from exporter.browsertrix.polling import LOOK_AGAIN, UNKNOWN_AFTER, PolledHandler, PolledSource
from exporter.runtime.http_errors import RequestError

MOST_SPACING: Final = 10.0
"""Seconds between two organisations: a few are asked in a minute or two, not over an hour."""
FIRST_SPACING: Final = 1.0
"""The same at most while nothing is known, which is so until all have been asked."""
HAND_ON_EVERY: Final = 60.0
"""Seconds; all are rendered each time."""

T = TypeVar("T")
Organisations = Callable[[], Iterable[str] | None]
"""Returns the ids of those there are; None while that is not known."""


@dataclass(slots=True)
class _Entry(Generic[T]):
    """What one organisation said last."""

    items: Mapping[str, T]
    asked: float
    """By the loop's clock."""


class RoundSource(PolledSource[T]):
    """Asks one organisation after the other."""

    def __init__(
        self,
        name: str,
        interval: float,
        handlers: Sequence[PolledHandler[T]],
        organisations: Organisations,
        rng: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(name, interval, handlers, rng)
        self._organisations = organisations
        self._entries: dict[str, _Entry[T]] = {}
        self._hand_on_at = 0.0
        self._changed = False
        """Whether anything came that was not handed on."""
        self._round = interval
        """Seconds that a round takes, be it that requests are slow."""

    @abstractmethod
    async def ask(self, oid: str) -> Mapping[str, T]:
        """Return what there is of one organisation, by id. Raises RequestError."""

    async def run(self) -> None:
        """Ask round by round."""
        await self._begin()
        while True:
            next_round = _now() + self._jittered(self.interval)
            await self._go_round()
            self._update()
            while self._entries and _now() < next_round:
                await asyncio.sleep(min(next_round - _now(), HAND_ON_EVERY))
                self._update()
            if not self._entries:
                look_again = FIRST_SPACING if self._organisations() is None else LOOK_AGAIN
                await asyncio.sleep(min(look_again, self.interval))

    async def _go_round(self) -> None:
        """Ask all organisations; where something is known already, hand on every minute.

        Where nothing is, one that fails is asked again at the end: it may not have been its fault.
        """
        oids = self._organisations()
        if oids is None:
            self.up, self.last_error = False, "the organisations are not known"
            return
        oids = tuple(oids)
        queue, once_more = deque(oids), set[str]() if self.known else set(oids)
        most = MOST_SPACING if self.known else FIRST_SPACING
        spacing = min(self.interval / max(len(oids), 1), most)
        while queue:
            oid, began = queue.popleft(), _now()
            delay = await self._ask_one(oid)
            took = _now() - began
            if delay is None:
                self._round = max(self.interval, len(oids) * max(spacing, took))
                delay = max(self._jittered(spacing) - took, 0.0)
            elif oid in once_more:
                once_more.remove(oid)
                queue.append(oid)
            if not queue or (self.known and _now() >= self._hand_on_at):
                self._update()
            await asyncio.sleep(delay)

    async def _ask_one(self, oid: str) -> float | None:
        """Ask one; return how many seconds to wait where that failed."""
        asked, at = _now(), time.time()
        try:
            items = await self.ask(oid)
        except NotFoundError:  # it was deleted meanwhile
            self._changed |= self._entries.pop(oid, None) is not None
            return None
        except RequestError as error:
            return self._failed(error)
        self._entries[oid] = _Entry(items, asked)
        self._changed = True
        self._succeeded(at)
        return None

    def _update(self) -> None:
        """Hand on what is new, without what is too old or of organisations that are gone."""
        self._hand_on_at = _now() + HAND_ON_EVERY
        oldest = _now() - UNKNOWN_AFTER * self._round
        there = self._organisations()
        kept = set(self._entries if there is None else there)
        left = [
            oid for oid, entry in self._entries.items() if oid not in kept or entry.asked < oldest
        ]
        for oid in left:
            del self._entries[oid]
        if not self._entries and not (self.up and there is not None):
            self._withdraw()
        elif self._changed or left or self.items is None:
            self._changed = False
            items = {
                name: one for entry in self._entries.values() for name, one in entry.items.items()
            }
            self._hand_on(items, self.last_success or time.time())


def _now() -> float:
    return asyncio.get_running_loop().time()
