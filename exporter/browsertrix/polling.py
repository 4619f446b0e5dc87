"""What is polled, and what takes it: the contract between the client and whoever serves it."""

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from exporter.browsertrix.problems import Problems
from exporter.browsertrix.session import CredentialsError, LoginRefusedError
from exporter.runtime.backoff import Backoff
from exporter.runtime.http_errors import RequestError

logger = logging.getLogger(__name__)

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class PolledHandler(Protocol[T_contra]):
    """Takes all that one source says; called on the event loop, so it has milliseconds."""

    def on_polled(self, items: Mapping[str, T_contra], at: float, /) -> None:
        """All there are now, by id; ``at`` is when they were asked for, in seconds since 1970.

        Nobody changes the mapping afterwards.
        """

    def on_unknown(self) -> None:
        """Not asked with success for three intervals: nothing is known any more."""


Handlers = Mapping[str, Sequence[PolledHandler[Any]]]
"""By the source's name (``SOURCE_NAMES``): all that take what it says, in this order."""

SOURCE_NAMES: Final = ("orgs", "org_counts", "workflows", "jobs", "settings")
"""Label values of ``source``, as those of ``exporter.sources``."""

UNKNOWN_AFTER: Final = 3.0
"""Intervals without success."""
LOOK_AGAIN: Final = 15.0
"""Seconds between two looks at the files of a login that was refused; nothing is sent then."""
_FIRST_DELAY: Final = 60.0
_LONGEST_DELAY: Final = 240.0
"""Seconds between two tries that fail; an interval where that is longer."""
_SHORTEST_PAUSE: Final = 1 / 10
"""Of an interval, where a list takes longer than one."""
_JITTER: Final = 1 / 10
"""Of an interval. Exporters that start together do not ask together for long."""


class PolledSource(ABC, Generic[T]):
    """One source: asks by and by, hands on what it is told, and says when that is too old."""

    def __init__(
        self,
        name: str,
        interval: float,
        handlers: Sequence[PolledHandler[T]],
        rng: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """``interval`` is in seconds; ``rng`` picks a number between two."""
        self.source: Final = name
        self.interval: Final = interval
        self.problems = Problems(name)
        self.items: Mapping[str, T] | None = None
        """As handed on last; None while nothing is known."""
        self.up = False
        """Whether the last request succeeded."""
        self.last_error: str | None = "not asked yet"
        """Why it is not current, in one line; None when it is."""
        self.last_success: float | None = None
        """In seconds since 1970."""
        self._handlers = tuple(handlers)
        self._rng = rng
        self._backoff = Backoff(min(interval, _FIRST_DELAY), max(interval, _LONGEST_DELAY), rng)

    @property
    def known(self) -> bool:
        """Whether what it said last still counts."""
        return self.items is not None

    @abstractmethod
    async def run(self) -> None:
        """Ask until cancelled; no failure of Browsertrix's ends it. It may be run again."""

    def _hand_on(self, items: Mapping[str, T], at: float) -> None:
        self.items = items
        for handler in self._handlers:
            handler.on_polled(items, at)

    def _withdraw(self) -> None:
        if self.items is not None:
            self.items = None
            for handler in self._handlers:
                handler.on_unknown()

    def _succeeded(self, at: float) -> None:
        self._backoff.reset()
        self.up = True
        self.last_success = at
        if self.last_error is not None:
            self.last_error = None
            logger.info("Browsertrix answers", extra={"source": self.source})

    def _failed(self, error: RequestError) -> float:
        """Log an error once, however often it comes back; return how many seconds to wait."""
        self.up = False
        text = str(error)
        if text != self.last_error:
            self.last_error = text
            if not isinstance(error, LoginRefusedError):  # which is logged where it happens
                logger.warning(
                    "Browsertrix cannot be asked, trying again",
                    extra={"source": self.source, "error": text},
                )
        if isinstance(error, LoginRefusedError | CredentialsError):
            return min(LOOK_AGAIN, self.interval)
        return self._backoff.next(error.retry_after)

    async def _begin(self) -> None:
        if self.last_success is None:
            await asyncio.sleep(self._rng(0.0, min(_JITTER * self.interval, LOOK_AGAIN)))

    def _jittered(self, seconds: float) -> float:
        return self._rng((1 - _JITTER) * seconds, seconds)


class WholeSource(PolledSource[T]):
    """Asks for all at once, every interval."""

    _withdrawal: asyncio.TimerHandle | None = None

    @abstractmethod
    async def ask(self) -> Mapping[str, T]:
        """Return all there are, by id. Raises RequestError."""

    async def run(self) -> None:
        """Ask every interval, and say when nothing is known any more."""
        try:
            await self._begin()
            while True:
                delay = await self._poll()
                await asyncio.sleep(delay)
        except asyncio.CancelledError:
            if self._withdrawal is not None:
                self._withdrawal.cancel()
            raise

    async def _poll(self) -> float:
        """Ask once; return how many seconds to wait for the next time."""
        began, at = _now(), time.time()
        try:
            items = await self.ask()
        except RequestError as error:
            return self._failed(error)
        self._vouch()
        self._succeeded(at)
        self._hand_on(items, at)
        pause = _SHORTEST_PAUSE * self.interval
        return max(self._jittered(self.interval) - (_now() - began), pause)

    def _vouch(self) -> None:
        if self._withdrawal is not None:
            self._withdrawal.cancel()
        loop = asyncio.get_running_loop()
        self._withdrawal = loop.call_later(UNKNOWN_AFTER * self.interval, self._withdraw)


def _now() -> float:
    return asyncio.get_running_loop().time()
