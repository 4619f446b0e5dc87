"""The wheel in a clean environment, run as the image runs it.

Any user, no home, no group, nothing writable, no /tmp: in a mount namespace of its own, where the
interpreter and what was installed are mounted read-only, and all else is.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from exporter.simulator import ApiServer
from support.distribution import build, run_module
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("installs the wheel and what it needs")

NOBODY: Final = 54321
"""A user that no file names, as OpenShift gives one."""

_NAMESPACE: Final = """\
set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/python /mnt/site /mnt/config
mount --bind "$1" /mnt/python
mount --bind "$2" /mnt/site
cp "$3" /mnt/config/kubeconfig
chmod 444 /mnt/config/kubeconfig
mount -t tmpfs -o ro,mode=755 tmpfs /tmp
mount -o remount,ro /mnt
mount -o remount,bind,ro /mnt/python
mount -o remount,bind,ro /mnt/site
mount -o remount,bind,ro /
shift 3
cd /
exec setpriv --reuid 54321 --regid 0 --clear-groups --no-new-privs --inh-caps=-all \
  env -i PATH=/mnt/python/bin LD_LIBRARY_PATH=/mnt/python/lib PYTHONPATH=/mnt/site \
  PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 "$@"
"""


_WRITE: Final = """
import os
print(os.getuid())
for folder in ("/", "/tmp", "/mnt", "/mnt/site", "/mnt/config", "/var/tmp"):
    try:
        open(folder + "/x", "w").close()
    except OSError:
        continue
    print(folder)
"""
"""Prints who it is, and where it could write."""


def require_mounts() -> None:
    missing = [name for name in ("unshare", "setpriv") if shutil.which(name) is None]
    if missing or os.geteuid():
        pytest.skip("needs root, unshare and setpriv (util-linux), to mount all read-only")
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        check=False,
        capture_output=True,
        text=True,
    )
    if tried.returncode:
        pytest.skip(f"mounts are not allowed here: {tried.stderr.strip()}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has in site-packages; not compiled, which would take a minute."""
    require_mounts()
    wheels = tmp_path_factory.mktemp("wheel")
    target = tmp_path_factory.mktemp("site")
    wheel = build("wheel", wheels)
    install = ("pip", "install", "--quiet", "--no-compile", "--target", target)
    run_module(*install, "--require-hashes", "--requirement", "requirements/runtime.lock")
    run_module(*install, "--no-deps", "--no-index", wheel)
    target.chmod(0o755)
    return target


@pytest.fixture
def inside(site: Path, server: ApiServer, tmp_path: Path) -> Callable[..., list[str]]:
    """Makes the command that runs one in the namespace."""
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")

    def command(*arguments: str) -> list[str]:
        return [
            *("unshare", "--mount", "sh", "-c", _NAMESPACE, "sh"),
            *(sys.base_prefix, str(site), str(kubeconfig), *arguments),
        ]

    return command


def test_nothing_can_be_written_there(inside: Callable[..., list[str]]) -> None:
    command = inside("/mnt/python/bin/python3", "-c", _WRITE)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == [str(NOBODY)], ran.stderr


async def test_it_serves_there_and_ends_when_it_is_told_to(
    inside: Callable[..., list[str]], unused_tcp_port: int, say: Callable[[str], None]
) -> None:
    command = inside(
        *("/mnt/python/bin/python3", "-m", "exporter", "serve"),
        *("--kubeconfig", "/mnt/config/kubeconfig"),
        *("--web.listen-address", f"127.0.0.1:{unused_tcp_port}"),
    )
    url = f"http://127.0.0.1:{unused_tcp_port}"
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    logged = asyncio.create_task(process.stderr.read())
    try:
        async with aiohttp.ClientSession() as session:

            async def status(path: str) -> int | None:
                assert process.returncode is None, (await logged).decode()
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with session.get(url + path) as response:
                        return response.status
                return None

            await until(lambda: status("/livez"), within=PROCESS_TIMEOUT)
            say(f"As the image runs: from its start to /livez in {time.monotonic() - began:.2f} s")

            async def is_ready() -> bool:
                return await status("/readyz") == 200

            await until(is_ready, within=PROCESS_TIMEOUT)
            assert await status("/metrics") == 200
            assert await status("/") == 200
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        text = (await logged).decode()
    assert await process.wait() == 0, text
    assert "Traceback" not in text
