"""The parts that run for as long as the exporter does: a fault in one leaves the others running.

A fault is what nobody foresaw; failures of the API server, a disk or Alertmanager are handled
where they happen. After a fault the part is run again, with what it knows, for it is the same
object: most faults come of one odd answer, and the next is another one. Only where that does not
help for ten minutes should the process be restarted, and ``/livez`` says so.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.runtime.backoff import Backoff

log = logging.getLogger(__name__)

LASTED: Final = 60.0
"""Seconds. A run as long as this has worked, whatever ended it."""
CANCEL_AGAIN: Final = 1.0
"""Seconds a task that was cancelled has to end, before it is cancelled once more."""
GIVE_UP: Final = 600.0
"""Seconds of faults, none of whose runs lasted, after which running it again is of no help."""

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Supervised:
    """One part."""

    work: Work
    backoff: Backoff
    restarts: int = 0
    running_since: float | None = None
    failing_since: float | None = None
    """The first of the faults since it last worked."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class SupervisedTasks:
    """Tasks not meant to end by themselves, each by a name for the log, a metric and ``/livez``."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        """``clock`` is in seconds; nobody may set it."""
        self._parts: dict[str, _Supervised] = {}
        self._clock = clock
        self._backoff = backoff

    def start(self, name: str, work: Work) -> None:
        """Run what ``work`` makes until ``end`` or ``cancel``; after a fault, again.

        The name is one of a few, fit for a label, and of one task only.
        """
        part = self._parts[name] = _Supervised(work, self._backoff())
        part.task = asyncio.create_task(self._supervise(name, part), name=name)

    async def end(self, name: str) -> None:
        """End this one for good, and forget its restarts; returns once it has ended."""
        await _cancelled(self._parts.pop(name))

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each was run again."""
        return {name: part.restarts for name, part in self._parts.items()}

    @property
    def failing(self) -> list[str]:
        """The names of those that running again does not help, in the order of their start."""
        now = self._clock()
        return [name for name, part in self._parts.items() if _is_lost(part, now)]

    async def cancel(self) -> None:
        """End all of them; returns once they have."""
        await _cancelled(*self._parts.values())

    async def _supervise(self, name: str, part: _Supervised) -> None:
        while True:
            part.running_since = self._clock()
            try:
                await part.work()
                log.error("%s ended, which it never should", name)
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                # A library has let through the cancellation of something of its own.
                log.exception("%s ended by a cancellation that is not ours", name)
            except Exception:
                log.exception("%s ended by a fault", name)
            now = self._clock()
            if now - part.running_since >= LASTED:
                part.failing_since = None
                part.backoff.reset()
            if part.failing_since is None:
                part.failing_since = now
            part.running_since = None
            await asyncio.sleep(part.backoff.next())
            part.restarts += 1
            log.warning("%s is run again", name)


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel these, and wait until they have ended, whatever with.

    One cancellation may not do: ``asyncio.wait_for`` of Python 3.11, which dnspython calls, drops
    it when what it waits for is done in the same turn of the loop (python/cpython#86296).
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _cancelled(*parts: _Supervised) -> None:
    await cancel_and_wait(*(part.task for part in parts if part.task is not None))


def _is_lost(part: _Supervised, now: float) -> bool:
    if part.failing_since is None or now - part.failing_since < GIVE_UP:
        return False
    return part.running_since is None or now - part.running_since < LASTED
