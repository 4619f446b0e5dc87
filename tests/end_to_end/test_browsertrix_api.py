"""An exporter that asks Browsertrix, as a process: what it serves, and what it tells nobody."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from exporter.simulator.browsertrix_api import BrowsertrixServer
from support.exporter_process import CRAWLJOBS_ALONE, Scrape, Start
from support.factories import CID, OID
from support.simulated_browsertrix import (
    ORGANISATION,
    PASSWORD,
    USERNAME,
    WORKFLOW,
    assert_nothing_private,
    login,
    outputs,
    simulated_browsertrix,
)

pytestmark = pytest.mark.slow("waits for processes", waits=True)

PREFIX = "browsertrix_exporter"


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    FleetPods(found).add(fleet(3))
    return found


@pytest.fixture
async def browsertrix() -> AsyncIterator[BrowsertrixServer]:
    async with simulated_browsertrix(pausedExpiryMinutes=1440) as found:
        yield found


def flags(browsertrix: BrowsertrixServer, password: Path) -> tuple[str, ...]:
    return *login(browsertrix, password), *CRAWLJOBS_ALONE


def up(scrape: Scrape) -> set[str]:
    found = scrape.of(f"{PREFIX}_source_up", scope="*")
    return {name.partition('source="')[2].partition('"')[0] for name in found if found[name]}


async def test_it_serves_names_and_the_pause_limit_and_nothing_of_people(
    server: ApiServer, browsertrix: BrowsertrixServer, start: Start, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"),
        *flags(browsertrix, password),
        *(f"--history.path={tmp_path / 'ledger'}", "--log.level=debug"),
    )

    scrape = await exporter.until(
        lambda scrape: up(scrape) >= {"orgs", "workflows", "jobs", "settings"}
    )

    assert scrape.value("browsertrix_org_info", oid=OID, name=ORGANISATION) == 1
    assert scrape.value("browsertrix_workflow_info", oid=OID, cid=CID, name=WORKFLOW) == 1
    assert scrape.value("browsertrix_background_jobs", oid=OID, state="failed") == 1
    assert scrape.value(f"{PREFIX}_pause_limit_seconds") == 86400
    assert scrape.value(f"{PREFIX}_pause_limit_differs") == 0
    assert scrape.value(f"{PREFIX}_browsertrix_login_refused") == 0
    assert scrape.value(f"{PREFIX}_browsertrix_requests_total", endpoint="login") == 1
    assert sum(scrape.of(f"{PREFIX}_browsertrix_request_failures_total").values()) == 0
    found = await outputs(exporter, tmp_path / "ledger")
    sources = {one["source"]: one for one in json.loads(found["/api/v1/exporter"])["browsertrix"]}
    assert sources["orgs"]["up"] is True
    assert sources["orgs"]["objects"] == 1
    assert "orgs of Browsertrix" in found["/"]
    assert_nothing_private(found)


async def test_a_wrong_password_is_one_try_until_its_file_changes(
    server: ApiServer, browsertrix: BrowsertrixServer, start: Start, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong-password")
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"), *flags(browsertrix, password)
    )

    scrape = await exporter.until(
        lambda scrape: scrape.value(f"{PREFIX}_browsertrix_login_refused") == 1
    )
    assert up(scrape) == set()
    assert "Not known: orgs of Browsertrix" in (await exporter.get("/"))[1]
    assert browsertrix.count("login") == 1

    password.write_text(PASSWORD)
    await exporter.until(lambda scrape: "orgs" in up(scrape))
    assert browsertrix.count("login") == 2
    assert "wrong-password" not in exporter.log.read_text()


async def test_a_pause_limit_that_was_given_stands(
    server: ApiServer, browsertrix: BrowsertrixServer, start: Start, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"),
        *flags(browsertrix, password),
        "--pause-limit=7d",
    )

    scrape = await exporter.until(
        lambda scrape: scrape.value(f"{PREFIX}_pause_limit_differs") is not None
    )

    assert scrape.value(f"{PREFIX}_pause_limit_differs") == 1
    assert scrape.value(f"{PREFIX}_pause_limit_seconds") == 604800


async def test_without_the_url_there_is_nothing_of_it(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"), *CRAWLJOBS_ALONE)
    await exporter.until_ready()

    text = (await exporter.scrape()).text

    for family in (
        "browsertrix_org_info",
        "browsertrix_workflow",
        f"{PREFIX}_browsertrix",
        f"{PREFIX}_pause_limit",
        f"{PREFIX}_pending_ends",
    ):
        assert family not in text


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file or directory"), ("", "is empty, or holds more than one line")],
)
def test_a_file_that_cannot_be_used_ends_the_start_with_one_line(
    tmp_path: Path, content: str | None, says: str
) -> None:
    password = tmp_path / "password"
    if content is not None:
        password.write_text(content)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "exporter", "--browsertrix.url=http://127.0.0.1:1"),
            *(f"--browsertrix.username={USERNAME}", f"--browsertrix.password-file={password}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == f"browsertrix-exporter: error: {password}: {says}\n"
