"""The exporter with a stopwatch on its event loop: ``python -m benchmarks.probe serve …``.

Every callback of the loop is timed. On SIGUSR1 the longest since the last time is printed, in
seconds of the clock on the wall: a callback that is kept from the processor blocks as well.
"""

import asyncio
import signal
import sys
import time

from exporter.cli import main

_longest = 0.0


def _print_longest(*_: object) -> None:
    global _longest  # noqa: PLW0603 - one per process
    print(f"longest={_longest:.6f}", flush=True)
    _longest = 0.0


def _timed_run(handle: asyncio.Handle) -> None:
    global _longest  # noqa: PLW0603
    started = time.perf_counter()
    _run(handle)
    _longest = max(_longest, time.perf_counter() - started)


if __name__ == "__main__":
    _run = asyncio.Handle._run  # noqa: SLF001 - no public way
    asyncio.Handle._run = _timed_run  # type: ignore[method-assign, assignment]  # noqa: SLF001
    signal.signal(signal.SIGUSR1, _print_longest)
    sys.exit(main(sys.argv[1:]))
