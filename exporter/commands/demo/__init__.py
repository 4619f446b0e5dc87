"""``demo``: the real exporter on a simulated Browsertrix, with nothing to install.

The simulator is a process of its own, with a token, reached over HTTP through a kubeconfig: the
exporter uses it like any cluster.
"""

import asyncio
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from exporter.app import serve
from exporter.commands.demo.monitoring import monitoring
from exporter.commands.demo.programs import end, free_port
from exporter.settings import Settings
from exporter.settings.defaults import DEFAULT_PAUSE_LIMIT

CRAWLS: Final = 25
"""At a time: a small cluster, and enough for every scenario to occur."""

_LONGEST_PAUSE: Final = 600.0
"""Seconds, so that whoever watches sees a pause expire."""


async def demo(settings: Settings, *, speed: float, seed: int) -> None:
    """Serve a simulated cluster until SIGTERM or SIGINT; raises as ``serve`` does."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this runs in one
    ended = False

    def leave() -> None:
        nonlocal ended
        ended = True
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):  # until the exporter takes them over
        asyncio.get_running_loop().add_signal_handler(number, leave)
    try:
        await _demo(settings, speed, seed)
    except asyncio.CancelledError:
        if not ended:
            raise


async def _demo(settings: Settings, speed: float, seed: int) -> None:
    pause_limit = min(DEFAULT_PAUSE_LIMIT / speed, _LONGEST_PAUSE)
    where, *others = settings.listen_addresses
    where = replace(where, port=where.port or free_port())  # known before it is printed
    with TemporaryDirectory(prefix="browsertrix-demo-") as name:
        folder = Path(name)
        kubeconfig = folder / "kubeconfig"
        history = settings.history_path or folder / "history.db"
        async with (
            monitoring(folder, where.url, settings.telemetry_path, kubeconfig) as alerts,
            _simulator(kubeconfig, speed, seed, pause_limit) as url,
        ):
            sys.stderr.write(
                f"A simulated Browsertrix runs at {url}, {speed:g} times faster than in life;\n"
                f"paused crawls expire after {pause_limit:.0f} s. Look at what the exporter makes "
                f"of it, and stop with Ctrl-C:\n\n"
                f"    {where.url}/ in a browser\n"
                f"    curl {where.url}{settings.telemetry_path}\n"
                f"    browsertrix-exporter history --history.path {history}\n"
                f"    kubectl --kubeconfig {kubeconfig} get crawljobs,pods,pvc\n\n"
                f"{alerts}\n"
            )
            await serve(
                settings.model_copy(
                    update={
                        "kubeconfig": kubeconfig,
                        "pause_limit": pause_limit,
                        "history_path": history,
                        "listen_addresses": (where, *others),
                    }
                )
            )


@asynccontextmanager
async def _simulator(
    kubeconfig: Path, speed: float, seed: int, pause_limit: float
) -> AsyncIterator[str]:
    """Run it; gives its URL once it listens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator"),
        *("--kubeconfig", str(kubeconfig), "--token", secrets.token_hex()),
        *("--speed", str(speed), "--seed", str(seed), "--crawls", str(CRAWLS)),
        *("--pause-limit", str(pause_limit), "--stale-writes"),
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for the exporter, which then ends the simulator
    )
    try:
        yield await _first_line(process)
    finally:
        await end(process)


async def _first_line(process: Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe, see above
    line = (await process.stdout.readline()).decode().strip()
    if not line:
        raise RuntimeError("the simulator ended before it began; its error is above")
    return line
