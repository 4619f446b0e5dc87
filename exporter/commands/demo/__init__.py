"""``demo``: the real exporter on a simulated Browsertrix, with nothing to install.

The simulator is a process of its own, reached over HTTP through a kubeconfig: the exporter uses it
like any cluster. It asks for no token, as kubectl sends none over HTTP. Browsertrix's own API is
there as well, to which the exporter logs in with a password from a file: how to log in is not the
user's to say, what is read and served (``--no-browsertrix.names``) is. With
``--source.kubernetes=metacontroller`` the simulator plays metacontroller, too, and calls the
exporter's hooks.
"""

import asyncio
import secrets
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from exporter.app import serve
from exporter.commands.demo.monitoring import monitoring
from exporter.commands.demo.programs import end, free_port
from exporter.settings import Address, Settings
from exporter.settings.defaults import DEFAULT_HOOK_PORT, DEFAULT_PAUSE_LIMIT

CRAWLS: Final = 25
"""At a time: a small cluster, and enough for every scenario to occur."""

_LONGEST_PAUSE: Final = 600.0
"""Seconds, so that whoever watches sees a pause expire."""

_USERNAME: Final = "admin@fake-person.invalid"
"""The simulator's superadmin (``python -m exporter.simulator --help``)."""

_OFTENEST: Final = 5.0
"""Seconds between two lists of organisations, and two resyncs, unless it was said how many."""


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
    # In whole minutes, as Browsertrix tells it.
    pause_limit = 60.0 * max(1, round(min(DEFAULT_PAUSE_LIMIT / speed, _LONGEST_PAUSE) / 60))
    where, *others = settings.listen_addresses
    where = replace(where, port=where.port or free_port())  # known before it is printed
    settings = _with_hook(settings, speed)
    with TemporaryDirectory(prefix="browsertrix-demo-") as name:
        folder = Path(name)
        kubeconfig, password_file = folder / "kubeconfig", folder / "password"
        password_file.write_text(secrets.token_hex(), encoding="utf-8")
        history = settings.history_path or folder / "history.db"
        flags = {
            "--kubeconfig": kubeconfig,
            "--browsertrix-password-file": password_file,
            "--speed": speed,
            "--seed": seed,
            "--pause-limit": pause_limit,
        }
        async with (
            monitoring(folder, where.url, settings.telemetry_path, kubeconfig) as alerts,
            _simulator(flags, *_metacontroller_flags(settings)) as (url, browsertrix_url),
        ):
            sys.stderr.write(
                f"A simulated Browsertrix runs at {url}, {speed:g} times faster than in life;\n"
                f"paused crawls expire after {pause_limit:.0f} s. {_called(settings)}"
                f"Look at what the exporter makes of it, and stop with Ctrl-C:\n\n"
                f"    {where.url}/ in a browser\n"
                f"    curl {where.url}{settings.telemetry_path}\n"
                f"    browsertrix-exporter history --history.path {history}\n"
                f"    kubectl --kubeconfig {kubeconfig} -n crawlers get crawljobs,pods,pvc\n\n"
                f"{alerts}\n"
            )
            await serve(
                settings.model_copy(
                    update={
                        "kubeconfig": kubeconfig,
                        "pause_limit": pause_limit,
                        "history_path": history,
                        "listen_addresses": (where, *others),
                        "browsertrix_url": browsertrix_url,
                        "browsertrix_username": _USERNAME,
                        "browsertrix_password_file": password_file,
                        "browsertrix_token_file": None,
                        "browsertrix_interval": _interval(settings, "browsertrix_interval", speed),
                    }
                )
            )


def _interval(settings: Settings, field: str, speed: float) -> float:
    """The one that was given; else the default one, in simulated seconds."""
    seconds: float = getattr(settings, field)
    if field in settings.model_fields_set:
        return seconds
    return max(seconds / speed, _OFTENEST)


def _with_hook(settings: Settings, speed: float) -> Settings:
    """Let the hook's address be known before anybody calls it, and time there be simulated."""
    first, *others = settings.hook_addresses
    if "hook_addresses" not in settings.model_fields_set:
        first = Address("127.0.0.1", free_port(DEFAULT_HOOK_PORT))
    first = replace(first, port=first.port or free_port())
    return settings.model_copy(
        update={
            "hook_addresses": (first, *others),
            "hook_resync_period": _interval(settings, "hook_resync_period", speed),
        }
    )


def _metacontroller_flags(settings: Settings) -> Iterator[str]:
    """Have the simulator call the hook, where the exporter wants to be called."""
    if settings.is_hook:
        yield f"--metacontroller-hook-url={settings.hook_addresses[0].url}"
        yield f"--metacontroller-resync-period={settings.hook_resync_period}"
        if settings.hook_finalize:
            yield "--metacontroller-finalize"


def _called(settings: Settings) -> str:
    if not settings.is_hook:
        return ""
    return f"Its metacontroller calls the exporter at\n{settings.hook_addresses[0].url}. "


@asynccontextmanager
async def _simulator(flags: Mapping[str, object], *more: str) -> AsyncIterator[tuple[str, str]]:
    """Run it; gives the URLs of the cluster's and of Browsertrix's API once both listen."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator"),
        *(str(part) for flag in flags.items() for part in flag),
        *more,
        *("--crawls", str(CRAWLS), "--stale-writes"),
        *("--browsertrix-port", "0"),
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for the exporter, which then ends the simulator
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe, see above
    try:
        url, browsertrix_url = [(await process.stdout.readline()).decode().strip() for _ in "12"]
        if not browsertrix_url:
            raise RuntimeError("the simulator ended before it began; its error is above")
        yield url, browsertrix_url
    finally:
        await end(process)
