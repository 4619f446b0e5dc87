"""The parts that run for as long as the exporter does: a fault in one leaves the others running."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class SupervisedTasks:
    """Tasks that are not meant to end, each by a name for the log and for ``/livez``."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until ``cancel``; an exception there is logged, and ends it alone."""
        self._tasks.append(asyncio.create_task(_run(name, work), name=name))

    @property
    def ended(self) -> list[str]:
        """The names of those that an exception ended, in the order of their start."""
        return [task.get_name() for task in self._tasks if task.done()]

    async def cancel(self) -> None:
        """End all of them; returns once they have."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(name: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("%s ended by a fault", name)
