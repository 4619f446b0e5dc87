"""An exporter that is killed again and again, each time at a random moment of its life."""

import asyncio
import contextlib
import random
import sys
import time
from pathlib import Path

from support.waiting import PROCESS_TIMEOUT


class Mortal:
    """An exporter that is started, lives for a random while, and is killed."""

    def __init__(self, kubeconfig: Path, log: Path, *flags: str) -> None:
        self._command = (
            *(sys.executable, "-m", "exporter", "--kubeconfig", str(kubeconfig)),
            *("--web.listen-address", "127.0.0.1:0", *flags),
        )
        self._log = log

    async def live_and_die(self, rng: random.Random) -> None:
        with self._log.open("ab") as log:
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *self._command, stderr=asyncio.subprocess.PIPE
            )
            assert process.stderr is not None
            # From before it has heard of anything to well into its work.
            async with asyncio.timeout(PROCESS_TIMEOUT):
                while b"msg=listening" not in (line := await process.stderr.readline()):
                    assert line, self._log.read_text()
                    log.write(line)
            draining = asyncio.create_task(_drain(process.stderr, log))
            # On a busy machine it needs longer for all it does, as it did for its start; else what
            # is to be replayed would grow from life to life.
            started = time.monotonic() - began
            await asyncio.sleep(rng.expovariate(1 / max(0.25, 0.2 * started)))
            process.kill()
            assert await process.wait() == -9, "it was alive until then"
            await draining


async def _drain(stderr: asyncio.StreamReader, log: object) -> None:
    with contextlib.suppress(ConnectionError):
        while line := await stderr.readline():
            log.write(line)  # type: ignore[attr-defined]  # a binary file
