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


def take_longest() -> float:
    """Return the longest callback since the last time, in seconds."""
    global _longest
    longest, _longest = _longest, 0.0
    return longest


def time_callbacks() -> None:
    """Time every callback of this process's event loops from now on."""
    run = asyncio.Handle._run  # noqa: SLF001 - no public way

    def timed_run(handle: asyncio.Handle) -> None:
        global _longest  # noqa: PLW0603
        started = time.perf_counter()
        run(handle)
        _longest = max(_longest, time.perf_counter() - started)

    asyncio.Handle._run = timed_run  # type: ignore[method-assign, assignment]  # noqa: SLF001


def _print_longest(*_: object) -> None:
    print(f"longest={take_longest():.6f}", flush=True)


if __name__ == "__main__":
    time_callbacks()
    signal.signal(signal.SIGUSR1, _print_longest)
    sys.exit(main(sys.argv[1:]))
