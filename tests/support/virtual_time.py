"""An event loop whose clock stands still while anything can run, and then goes to what is due next.

So a wait of ten minutes takes none, and one of 9.9 seconds is told from one of 10. For tests whose
every wait is a timer: while there is one, nothing another thread or process does is waited for.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec
from unittest.mock import patch

from support.waiting import WAIT_TIMEOUT

P = ParamSpec("P")


class _Selector(selectors.SelectSelector):
    """Goes on at once where it is asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        """Seconds, by the loop's clock."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(WAIT_TIMEOUT if timeout is None else 0)
        if timeout is None and not found:
            raise RuntimeError("everything waits, and for no timer")
        if timeout and not found:
            self.now += timeout
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    async def shutdown_default_executor(
        self,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - Python's since 3.12
    ) -> None:
        """Wait for its threads, which take their time in reality."""
        await super().shutdown_default_executor()

    def work_for(self, seconds: float) -> None:
        """Let so much time pass in which nothing else can run."""
        self._virtual.now += seconds


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on such a loop, from second 0 on; ``time.monotonic`` is the loop's clock."""

    @functools.wraps(test)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        loop = VirtualTimeLoop()
        with (
            asyncio.Runner(loop_factory=lambda: loop) as runner,
            patch("time.monotonic", loop.time),
        ):
            runner.run(test(*arguments, **options))

    return run


def now() -> float:
    """Seconds since the test began."""
    return asyncio.get_running_loop().time() - 1000.0
