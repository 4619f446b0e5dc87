"""The demo as a user starts it: with Prometheus and Alertmanager, without, and how it ends."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from exporter.commands.demo import programs
from support.tools import ROOT, Edition, require_kube_apiserver
from support.waiting import PROCESS_TIMEOUT, until
from tools.kube_apiserver import assets

pytestmark = pytest.mark.slow("each demo is up to three processes, and one test waits for an alert")

_URL: Final = re.compile(r"^    (curl|Prometheus|Alertmanager) +(http://\S+)", re.MULTILINE)


class Demo:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.said = ""
        self._session = session

    async def until(self, condition: Callable[[str], Any]) -> str:
        """Read what it says until that is enough; all that was said until then."""
        assert self.process.stderr is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROCESS_TIMEOUT):
                while not condition(self.said):
                    line = await self.process.stderr.readline()
                    assert line, self.said
                    self.said += line.decode()
                return self.said
        raise AssertionError(f"it never said that:\n{self.said}")

    async def urls(self) -> dict[str, str]:
        """Where it says one is to look, once it listens."""
        return dict(_URL.findall(await self.until(lambda said: "msg=listening" in said)))

    async def get(self, url: str, containing: str = "", matching: str = "") -> str:
        """What is there; it may not be ready at once, and have that in it only later."""

        async def there() -> str | None:
            with contextlib.suppress(aiohttp.ClientError):
                async with self._session.get(url) as response:
                    text = await response.text()
                    wanted = containing in text and re.search(matching, text)
                    if response.status == 200 and wanted:
                        return text
            return None

        return await until(there, every=0.1, within=PROCESS_TIMEOUT, otherwise=lambda: self.said)

    async def get_until(self, url: str, condition: Callable[[Any], Any]) -> Any:
        """What is there in JSON, as soon as it is as wanted."""

        async def found() -> Any:
            return condition(json.loads(await self.get(url)))

        return await until(found, every=0.2, within=PROCESS_TIMEOUT, otherwise=lambda: self.said)

    async def end(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)
        assert self.process.stderr is not None
        async with asyncio.timeout(PROCESS_TIMEOUT):
            self.said += (await self.process.stderr.read()).decode()
            assert await self.process.wait() == 0, self.said
        assert "Traceback" not in self.said


@asynccontextmanager
async def demo(folder: Path, *flags: str, path: str, cwd: Path) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "demo", "--web.listen-address", "127.0.0.1:0", *flags),
        env=os.environ | {"PATH": path, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession() as session:
            yield Demo(process, session)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def children(folder: Path) -> dict[str, int]:
    """The processes that work on this folder, each name with a process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_text().split("\0")
            if entry.name.isdigit() and any(str(folder) in one for one in arguments[1:]):
                found[Path(arguments[0]).name.removeprefix("prometheus-")] = int(entry.name)
    return found


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """One demo at a time, for all of them want the same ports first."""
    with Path(tempfile.gettempdir(), "browsertrix-demo-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def path_with(edition: Edition) -> str:
    """A PATH on which this Prometheus and this Alertmanager are found first."""
    folders = {str(edition.require(name).parent) for name in ("prometheus", "alertmanager")}
    return os.pathsep.join([*folders, os.environ["PATH"]])


@pytest.fixture
def monitored() -> str:
    """A PATH on which Prometheus and Alertmanager are."""
    return path_with(Edition.DEBIAN)


async def test_alerts_fire_and_somebody_is_notified(edition: Edition, tmp_path: Path) -> None:
    flags = ("--speed", "900", "--web.telemetry-path", "/elsewhere")
    async with demo(tmp_path, *flags, path=path_with(edition), cwd=tmp_path) as running:
        urls = await running.urls()
        for name in ("Prometheus", "Alertmanager"):
            version = programs.version(edition.require(name.lower()))
            assert f"{urls[name]}  ({version})\n" in running.said
        assert urls["curl"].endswith("/elsewhere")
        await running.get(urls["curl"], containing="browsertrix_exporter_build_info")
        served = await running.get(urls["curl"], containing='name="Example City Library"')
        assert "browsertrix_exporter_browsertrix_login_refused 0.0" in served
        no_difference = "browsertrix_exporter_pause_limit_differs 0.0"
        served = await running.get(urls["curl"], containing=no_difference)
        assert not any(mark in served for mark in ("fake-person", "Fake Person"))
        targets = await running.get_until(
            f"{urls['Prometheus']}/api/v1/targets", lambda answer: answer["data"]["activeTargets"]
        )
        exporter, *kubelets = sorted(
            (target["scrapeUrl"] for target in targets), key=lambda url: "/nodes/" in url
        )
        assert exporter == urls["curl"]
        assert [url.partition("/nodes/")[2] for url in sorted(kubelets)] == [
            f"node-{name}/proxy/metrics" for name in "abc"
        ]
        rules = json.loads(await running.get(f"{urls['Prometheus']}/api/v1/rules?type=alert"))
        assert len(rules["data"]["groups"]) >= 7

        alerts = await running.get_until(
            f"{urls['Alertmanager']}/api/v2/alerts", lambda answer: answer
        )
        assert alerts[0]["labels"]["alertname"].startswith("Browsertrix")
        said = await running.until(lambda said: "msg=notified alert=" in said)
        (line,) = [line for line in said.splitlines() if "msg=notified alert=" in line][:1]
        assert re.search(
            r"alert=Browsertrix\w+ severity=\w+ namespace=crawlers .*crawl=\S+ .*summary=\"A ", line
        )
        await running.end()
    assert children(tmp_path) == {}, "all has ended with it"
    assert list(tmp_path.iterdir()) == [], "and nothing is left"


async def test_kubectl_shows_the_cluster_as_it_is_said(tmp_path: Path) -> None:
    require_kube_apiserver()  # kubectl is built beside it
    kubectl = shlex.quote(str(assets() / "kubectl"))
    async with demo(tmp_path, "--speed=600", path=str(tmp_path), cwd=tmp_path) as running:
        await running.urls()
        (said,) = re.findall(r"^    kubectl (.+)$", running.said, re.MULTILINE)

        async def shown() -> str | None:
            process = await asyncio.create_subprocess_shell(
                f"{kubectl} --cache-dir={tmp_path / 'cache'} {said}",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            printed, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            text = printed.decode()
            kinds = ("crawljob.btrix.cloud/crawljob-", "pod/crawl-", "persistentvolumeclaim/crawl-")
            return text if all(kind in text for kind in kinds) else None

        text = await until(shown, every=0.5, within=PROCESS_TIMEOUT)
        assert re.search(r"^pod/crawl-\S+ +[01]/1 +[A-Z]\w+ +\d", text, re.MULTILINE)
        shutil.rmtree(tmp_path / "cache")
        await running.end()


async def test_names_can_be_left_out_and_how_often_is_asked_is_the_users_to_say(
    tmp_path: Path,
) -> None:
    flags = ("--no-browsertrix.names", "--no-browsertrix.workflows", "--browsertrix.interval=5s")
    async with demo(tmp_path, *flags, path=str(tmp_path), cwd=tmp_path) as running:
        urls = await running.urls()
        served = await running.get(urls["curl"], containing='browsertrix_org_info{name="",oid=')
        assert "Example City Library" not in served
        shown = json.loads(await running.get(urls["curl"].replace("/metrics", "/api/v1/exporter")))
        assert "workflows" not in {one["source"] for one in shown["browsertrix"]}
        await running.end()


@pytest.mark.parametrize("finalize", [False, True], ids=["told of ends", "waited for"])
async def test_metacontroller_tells_of_crawls_in_place_of_a_watch(
    tmp_path: Path, finalize: bool
) -> None:
    flags = ("--source.kubernetes=metacontroller", *["--metacontroller.finalize"] * finalize)
    async with demo(tmp_path, *flags, "--speed=600", path=str(tmp_path), cwd=tmp_path) as running:
        urls = await running.urls()
        (hook,) = re.findall(r"metacontroller calls the exporter at\n(http://\S+)\. ", running.said)
        assert f'"listening for metacontroller" address={hook.removeprefix("http://")}' in (
            await running.until(lambda said: "listening for metacontroller" in said)
        )
        for source in ("crawljobs", "pods", "usage", "volumes", "indexes"):
            up = f'browsertrix_exporter_source_up{{scope="crawlers",source="{source}"}} 1.0'
            await running.get(urls["curl"], containing=up)
        for family in ("crawl_state", "pod_phase", "volume_phase", "crawl_finished_timestamp"):
            await running.get(urls["curl"], containing=f"browsertrix_{family}")
        for hook_name in ("sync", "customize", *["finalize"] * finalize):
            taken = rf'hook_requests_total{{hook="{hook_name}",outcome="taken"}} [1-9]'
            served = await running.get(urls["curl"], matching=taken)
        assert 'watch_events_total{scope="crawlers",source="crawljobs",type="BOOKMARK"} 0.0' in (
            served
        )
        await running.end()
    assert "metacontroller does not call any more" not in running.said
    assert children(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


async def test_where_metacontroller_calls_is_the_users_to_say(tmp_path: Path) -> None:
    port = programs.free_port()
    flags = (
        "--source.kubernetes=metacontroller",
        f"--metacontroller.listen-address=127.0.0.1:{port}",
        "--metacontroller.resync-period=1s",
        f"--history.path={tmp_path / 'history.db'}",
    )
    async with demo(tmp_path, *flags, path=str(tmp_path), cwd=tmp_path) as running:
        urls = await running.urls()
        assert f"http://127.0.0.1:{port}. " in running.said
        assert f"--history.path {tmp_path / 'history.db'}\n" in running.said
        await running.get(
            urls["curl"], matching=r'hook_requests_total{hook="sync",outcome="outdated"} [1-9]'
        )
        await running.end()
    assert (tmp_path / "history.db").exists()


async def test_a_program_that_is_killed_is_logged_and_the_demo_goes_on(
    monitored: str, tmp_path: Path
) -> None:
    async with demo(tmp_path, path=monitored, cwd=tmp_path) as running:
        urls = await running.urls()
        await running.get(f"{urls['Prometheus']}/-/ready")
        os.kill(children(tmp_path)["prometheus"], signal.SIGKILL)
        said = await running.until(lambda said: "Prometheus has ended" in said)
        assert "the demo goes on without it" in said
        assert "status=-9" in said
        await running.get(urls["curl"], containing="browsertrix_crawls{")
        await running.end(signal.SIGTERM)


async def test_without_them_it_says_how_to_get_them_and_serves(tmp_path: Path) -> None:
    async with demo(tmp_path, path=str(tmp_path), cwd=tmp_path) as running:
        urls = await running.urls()
        assert set(urls) == {"curl"}
        assert "Prometheus is not installed here" in running.said
        assert "`make tools` fetches both" in running.said
        await running.get(urls["curl"], containing="browsertrix_crawls{")
        await running.end()


async def test_prometheus_alone_shows_alerts_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "prometheus").symlink_to(Edition.DEBIAN.require("prometheus"))
    (tmp_path / "demo").mkdir()
    async with demo(tmp_path / "demo", path=str(tmp_path / "bin"), cwd=tmp_path) as running:
        urls = await running.urls()
        assert set(urls) == {"curl", "Prometheus"}
        assert "Alertmanager is not installed here" in running.said
        await running.get(f"{urls['Prometheus']}/-/ready")
        await running.end()


async def test_a_port_that_is_taken_ends_all_of_it(monitored: str, tmp_path: Path) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with (
        taken,
        demo(
            tmp_path,
            "--web.listen-address",
            f"127.0.0.1:{port}",
            path=monitored,
            cwd=tmp_path,
        ) as running,
    ):
        _, said = await running.process.communicate()
        assert running.process.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}" in said.decode()
    assert children(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_what_make_tools_fetched_is_found_after_what_is_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def install(folder: Path, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
        (folder / name).chmod(0o755)
        return folder / name

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert programs.find("alertmanager", tmp_path) is None
    fetched = install(tmp_path / ".tools/usr/bin", "prometheus-alertmanager")
    assert programs.find("alertmanager", tmp_path) == fetched
    installed = install(tmp_path / "bin", "alertmanager")
    assert programs.find("alertmanager", tmp_path) == installed


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 'prometheus, version 2.42.0+ds (branch: debian/sid)'", "2.42.0+ds"),
        ("echo 'alertmanager, version 0.35.0 (branch: )' >&2", "0.35.0"),
        ("echo none", ""),
    ],
)
def test_the_version_is_what_a_program_says(tmp_path: Path, script: str, version: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)

    assert programs.version(program) == version
    assert programs.version(tmp_path / "missing") == ""


async def test_a_wanted_port_is_taken_only_if_it_is_free() -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken:
        assert programs.free_port(port) != port
    assert programs.free_port(port) == port
