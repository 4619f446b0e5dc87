"""The commands that pages show, run from top to bottom, beside a simulated cluster.

Each page has a copy of the source that it may spoil, and programs in front of PATH
(support/documented_programs.py): the exporter, SQLite, promtool and curl do their work on an
exporter of this test; docker, kubectl, make and pip are recorded, and judged by what they were
asked.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from exporter.history.reading import events
from support import documented_programs
from support.documents import Snippet, snippets
from support.tools import ROOT, Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("an exporter runs, and each page is a few processes")

PAGES: Final = sorted({one.page for one in snippets("sh") if "/runbooks/" not in one.page})
NOT_RUN: Final = {
    ("docs/developing.md", "CHAOS_SECONDS=3600"): "an hour of faults",
    ("docs/tls-and-users.md", "python -c 'import bcrypt"): "asks for a password on the terminal",
}
"""Page and how the snippet begins, and why it is not run."""
COPIED: Final = ("alerts", "dashboards/json", "deploy", "requirements")


@dataclass(frozen=True)
class Running:
    """An exporter on a simulated cluster."""

    log: Path
    folder: Path

    def address(self) -> str | None:
        """Host and port, once it serves all of the cluster."""
        found = re.search(r"curl http://(\S+)/metrics", self.log.read_text(encoding="utf-8"))
        if found is None:
            return None
        with contextlib.suppress(URLError, ConnectionError):
            urlopen(f"http://{found[1]}/readyz", timeout=PROCESS_TIMEOUT)
            return found[1]
        return None

    def kubeconfig(self) -> str:
        """The simulated cluster's."""
        (path,) = re.findall(r"kubectl --kubeconfig (\S+)", self.log.read_text(encoding="utf-8"))
        return str(path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("exporter")
    log = folder / "log"
    flags = ("--web.listen-address=127.0.0.1:0", "--history.path=history.db", "--speed=60")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "demo", *flags],
            env=os.environ | {"PATH": str(folder), "PYTHONPATH": str(ROOT)},
            cwd=folder,
            stderr=output,
        )
        yield Running(log, folder)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PROCESS_TIMEOUT) == 0, log.read_text(encoding="utf-8")


def sandbox(folder: Path, running: Running) -> Path:
    """A copy of what a user has checked out and, as ``history.db``, the exporter's ledger."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / "source" / name)
    (folder / "source" / "history.db").symlink_to(running.folder / "history.db")
    documented_programs.install(folder / "bin")
    for name in ("pip", "browsertrix-exporter"):  # of the virtual environment that a page makes
        own = folder / "source" / "exporter-env" / "bin" / name
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "bin" / name, own)
    return folder / "source"


@pytest.mark.parametrize("page", PAGES)
async def test_the_commands_of_a_page_work(page: str, running: Running, tmp_path: Path) -> None:
    found = [one for one in snippets("sh") if one.page == page and not is_listed(one)]
    source = sandbox(tmp_path, running)
    shown_files(page, source)
    real = {Edition.DEBIAN.require("promtool").parent, Path("/usr/bin"), Path("/bin")}
    address = await until(running.address, every=0.1, within=PROCESS_TIMEOUT)
    variables = {
        "PATH": os.pathsep.join(map(str, (tmp_path / "bin", *real))),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "RECORD": str(tmp_path / "record"),
        "EXPORTER": address,
        "KUBECONFIG": running.kubeconfig(),
        "SOURCE": str(ROOT),
        "HOME": str(tmp_path),
    }
    for snippet in found:
        if "sqlite3 " in snippet.text and shutil.which("sqlite3") is None:
            continue
        status, said = await run(
            "bash", "-euo", "pipefail", "-c", snippet.text, at=source, env=variables
        )
        assert status == 0, f"{snippet.where}: {said}"
    assert documented_programs.wrong(tmp_path / "record") == []


async def run(*command: str, at: Path, env: dict[str, str]) -> tuple[int | None, str]:
    """Exit status, and all that it says."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=at,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PROCESS_TIMEOUT):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


def shown_files(page: str, source: Path) -> None:
    """Write the configurations that a page shows before it uses them."""
    for snippet in snippets("yaml"):
        name = re.match(r"# (exporter\.yaml)\b", snippet.first_line)
        if snippet.page == page and name:
            (source / name[1]).write_text(snippet.text, encoding="utf-8")


def is_listed(snippet: Snippet) -> bool:
    return any(
        snippet.page == page and snippet.first_line.startswith(begin) for page, begin in NOT_RUN
    )


def a_crawl_in(ledger: Path) -> str | None:
    """A crawl to which something happened."""
    return next((event.crawl for event in events(ledger, since=0.0, crawl=None)), None)


async def test_a_backup_holds_what_the_ledger_does(running: Running, tmp_path: Path) -> None:
    """The commands of docs/backup.md, of which the test above sees only that they end well."""
    await until(running.address, every=0.1, within=PROCESS_TIMEOUT)
    (shown,) = (
        one.text
        for one in snippets("sh")
        if one.page == "docs/backup.md" and "python3 -c" in one.text
    )
    (tmp_path / "history.db").symlink_to(running.folder / "history.db")
    crawl = await until(lambda: a_crawl_in(running.folder / "history.db"), every=0.2)
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    status, said = await run("bash", "-c", shown, at=tmp_path, env=variables)
    assert status == 0, said
    history = (sys.executable, "-m", "exporter", "history", "--crawl", crawl, "--history.path")
    status, said = await run(*history, "history.copy.db", at=tmp_path, env=variables)
    assert status == 0, said
    assert f"crawl={crawl}" in said
