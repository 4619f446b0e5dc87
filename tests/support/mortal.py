"""An exporter that is killed again and again, each time at a random moment of its life."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import forking_exporter
from support.waiting import PROCESS_TIMEOUT


class Mortal:
    """An exporter that is started, lives for a random while, and is killed."""

    def __init__(self, forks: asyncio.subprocess.Process, arguments: list[str], log: Path) -> None:
        self._forks = forks
        self._arguments = json.dumps(arguments).encode() + b"\n"
        self._log = log
        self._listening = asyncio.Event()

    async def live_and_die(self, rng: random.Random) -> None:
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._listening.clear()
        began = time.monotonic()
        self._forks.stdin.write(self._arguments)
        async with asyncio.timeout(PROCESS_TIMEOUT):
            exporter = int(await self._forks.stdout.readline())
            # From before it has heard of anything to well into its work.
            await self._listening.wait()
        # On a busy machine it needs longer for all it does, as it did for its start; else what is
        # to be replayed would grow from life to life.
        started = time.monotonic() - began
        await asyncio.sleep(rng.expovariate(1 / max(0.25, started)))
        os.kill(exporter, signal.SIGKILL)
        assert int(await self._forks.stdout.readline()) == -9, self._log.read_text()[-4000:]

    async def follow_log(self) -> None:
        """Keep what it logs, until cancelled."""
        assert self._forks.stderr is not None
        with self._log.open("ab", buffering=0) as log:
            while line := await self._forks.stderr.readline():
                log.write(line)
                if b"msg=listening " in line:
                    self._listening.set()


@asynccontextmanager
async def mortal(kubeconfig: Path, log: Path, *flags: str) -> AsyncIterator[Mortal]:
    """Have one that can be started in this block."""
    arguments = ["--kubeconfig", str(kubeconfig), "--web.listen-address", "127.0.0.1:0", *flags]
    forks = await asyncio.create_subprocess_exec(
        *(sys.executable, forking_exporter.__file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    found = Mortal(forks, arguments, log)
    following = asyncio.create_task(found.follow_log())
    try:
        yield found
        assert forks.stdin is not None
        forks.stdin.close()
        assert await forks.wait() == 0
    finally:
        following.cancel()
        if forks.returncode is None:
            os.killpg(forks.pid, signal.SIGKILL)
            await forks.wait()
