"""The simulator's Browsertrix, for an exporter to ask: one organisation, one workflow, one job.

Whatever it says of people has one of ``PRIVATE`` in it.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from exporter.simulator.browsertrix_api import Accounts, BrowsertrixServer, Database, User
from exporter.simulator.browsertrix_api.background_job import REPLICA, BackgroundJob
from exporter.simulator.browsertrix_api.organisation import Organisation
from exporter.simulator.browsertrix_api.people import MARKS
from exporter.simulator.browsertrix_api.schedule import DAILY
from exporter.simulator.browsertrix_api.workflow import Workflow
from support.exporter_process import Process
from support.factories import CID, OID

ORGANISATION: Final = "Library of X"
SLUG: Final = "library-of-x"
WORKFLOW: Final = "News daily"
USERNAME: Final = "admin@fake-person.invalid"
PASSWORD: Final = "fake-person-password"  # noqa: S105 - of nobody
PRIVATE: Final = (*MARKS, USERNAME, PASSWORD, "Bearer")
PAGES: Final = (
    "/metrics",
    "/",
    *(f"/api/v1/{name}" for name in ("crawls", "finished", "events", "exporter")),
)
"""All that an exporter shows."""


@asynccontextmanager
async def simulated_browsertrix(**settings: Any) -> AsyncIterator[BrowsertrixServer]:
    """Serve it; ``settings`` are fields of ``GET /api/settings``."""
    now = time.time()
    database = Database(time.time)
    database.add_organisation(Organisation(id=OID, name=ORGANISATION, slug=SLUG, created=now))
    database.add_workflow(
        Workflow(
            id=CID,
            oid=OID,
            name=WORKFLOW,
            first_seed="https://fake-person:fake-person-password@news.example/",
            created=now,
            modified=now,
            schedule=DAILY,
        )
    )
    database.jobs["copy"] = BackgroundJob(
        id="copy", type=REPLICA, oid=OID, started=now, finished=now, succeeds=False
    )
    accounts = Accounts(User(email=USERNAME, password=PASSWORD), clock=time.time)
    async with BrowsertrixServer(database, accounts, settings=settings) as server:
        yield server


def login(server: BrowsertrixServer, password: Path) -> tuple[str, ...]:
    """Flags for an exporter that is to log in there, and ask as often as it may."""
    return (
        f"--browsertrix.url={server.url}",
        f"--browsertrix.username={USERNAME}",
        f"--browsertrix.password-file={password}",
        "--browsertrix.interval=5s",
    )


async def outputs(exporter: Process, ledger: Path) -> dict[str, str]:
    """What an exporter has put out anywhere, by where; bytes of the ledger as they are."""
    files = tuple(ledger.parent.glob(f"{ledger.name}*"))
    assert files
    return {
        **{path: (await exporter.get(path))[1] for path in PAGES},
        "log": exporter.log.read_text(encoding="utf-8"),
        "ledger": "".join(file.read_bytes().decode("latin-1") for file in files),
    }


def assert_nothing_private(found: dict[str, str]) -> None:
    """Search all of it for people and secrets."""
    for where, text in found.items():
        for one in PRIVATE:
            assert one not in text, f"{one!r} in {where}"
