"""Prometheus and Alertmanager as child processes: finding, starting, ending them.

The demo runs them beside the exporter; tests and the dashboards' backfill run them alone.
"""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "alertmanager": ("alertmanager", "prometheus-alertmanager")
}
"""What a program is called, where that is not one name; Debian's Alertmanager has the longer."""

FETCHED: Final = Path(".tools", "usr", "bin")
"""Where ``make tools`` puts them, below the folder of the source."""

_TERMINATION_TIMEOUT: Final = 10.0
"""Seconds from SIGTERM to SIGKILL."""


def find(name: str, source: Path) -> Path | None:
    """Find a program on PATH, or among those that ``make tools`` fetched in ``source``."""
    for path in (None, str(source.resolve() / FETCHED)):
        for candidate in NAMES.get(name, (name,)):
            if found := shutil.which(candidate, path=path):
                return Path(found).resolve()
    return None


def version(executable: Path) -> str:
    """Ask it for its version, such as 2.42.0+ds; empty where it says none. Takes some 50 ms."""
    try:
        ran = subprocess.run(  # noqa: S603 - a program of the developer's
            [executable, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TERMINATION_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"version (\d\S*)", ran.stdout + ran.stderr)  # where depends on its age
    return found[1] if found else ""


def free_port(wanted: int = 0) -> int:
    """Return ``wanted`` where it is free on 127.0.0.1, else another one that is."""
    for port in (wanted, 0):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as they do themselves
            free.bind(("127.0.0.1", port))
            return int(free.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


@dataclass(frozen=True, slots=True)
class Program:
    """A server, ready to be started."""

    name: str
    command: tuple[str, ...]
    directory: Path
    """Where it has to be started."""
    log: Path
    """Its stdout and stderr."""
    url: str

    def last_line(self) -> str:
        """The last line of its log; empty when it has logged nothing."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""


def prometheus(
    executable: Path,
    folder: Path,
    configuration: Mapping[str, Any],
    *flags: str,
    port: int = 0,
) -> Program:
    """Prepare a Prometheus; all that it writes goes to ``folder``. Port 0 takes a free one."""
    return _program(
        "Prometheus",
        executable,
        folder,
        configuration,
        (f"--storage.tsdb.path={folder / 'prometheus'}", *flags),
        port,
    )


def alertmanager(
    executable: Path, folder: Path, configuration: Mapping[str, Any], *, port: int = 0
) -> Program:
    """Prepare an Alertmanager without peers; as ``prometheus`` does."""
    return _program(
        "Alertmanager",
        executable,
        folder,
        configuration,
        (f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="),
        port,
    )


def _program(  # what both have in common  # noqa: PLR0913, PLR0917
    name: str,
    executable: Path,
    folder: Path,
    configuration: Mapping[str, Any],
    flags: tuple[str, ...],
    port: int,
) -> Program:
    file = folder / f"{name.lower()}.yml"
    file.write_text(json.dumps(configuration), encoding="utf-8")  # which is YAML, too
    address = f"127.0.0.1:{port or free_port()}"
    # Debian's, unpacked elsewhere, find their pages and templates from there (tests/install-tools).
    share = executable.parents[1] / "share" / "prometheus"
    return Program(
        name,
        (
            str(executable),
            f"--config.file={file}",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            *flags,
        ),
        share if share.is_dir() else folder,
        folder / f"{name.lower()}.log",
        f"http://{address}",
    )


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it until the end of the block; it has started, and is not yet ready."""
    with program.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends what it runs
        )
    try:
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Terminate it, and kill it if it has not ended after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_TERMINATION_TIMEOUT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
