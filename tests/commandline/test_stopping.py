"""SIGTERM ends the exporter at once, also while it starts."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from support.kubeconfigs import config, exec_user, write
from support.waiting import PROCESS_TIMEOUT, until


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_credential_plugin_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, sign: signal.Signals
) -> None:
    pid = tmp_path / "pid"
    script = write(tmp_path / "plugin.sh", f"sleep 600 & echo $! > {pid}; wait\n")
    user = exec_user("sh", str(script))
    path = write(tmp_path / "k", config(user=user, cluster={"server": "https://127.0.0.1:1"}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "--kubeconfig", str(path)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: pid.exists() and pid.read_text().strip(), within=PROCESS_TIMEOUT)
    began = time.monotonic()
    process.send_signal(sign)
    assert await asyncio.wait_for(process.wait(), PROCESS_TIMEOUT) == 0
    assert time.monotonic() - began < PROCESS_TIMEOUT / 2, "the plugin has 15 s"
    child = Path(f"/proc/{pid.read_text().strip()}/status")
    await until(lambda: not child.exists() or "zombie" in child.read_text())
