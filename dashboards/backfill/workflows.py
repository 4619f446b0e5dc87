"""What Browsertrix would say of the simulated crawls' workflows, organisations and background jobs.

Only HTTP and the event loop are left out: what the simulator would answer is parsed, and goes
through the exporter's tables to the exposition.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from exporter.metrics import BrowsertrixTables
from exporter.metrics.catalog import Family
from exporter.metrics.sliced_work import Schedule
from exporter.resources.browsertrix import BackgroundJob, Organisation, Workflow
from exporter.simulator.browsertrix_api import Database, User
from exporter.simulator.browsertrix_api.answers import Answers

_EVERY: Final = 300.0
"""Seconds between two polls."""
_SUPERADMIN: Final = User(email="", password="")


class AskedWorkflows:
    """The tables of what was asked for last."""

    def __init__(self, database: Database, families: Iterable[Family], schedule: Schedule) -> None:
        """``schedule`` is that of the tables: what is put there is run before a scrape."""
        sources = BrowsertrixTables(families, [""], schedule=schedule).by_source
        self._sources = {name: sources[name] for name in ("orgs", "workflows", "jobs")}
        self.tables = tuple(self._sources.values())
        self._database = database
        self._answers = Answers(database)
        self._asked = float("-inf")

    def ask(self, now: float) -> None:
        """Ask, if it is time, and hand on what there is at ``now`` (seconds since 1970)."""
        if now - self._asked < _EVERY:
            return
        self._asked = now
        self._database.settle()
        orgs = _parsed(Organisation.parse, self._answers.orgs(_SUPERADMIN, {}))
        workflows: dict[str, Any] = {}
        for oid in orgs:
            page = self._answers.crawlconfigs(_SUPERADMIN, oid, {})
            workflows |= _parsed(Workflow.parse, page)
        jobs = _parsed(BackgroundJob.parse, self._answers.jobs({}))
        for name, items in (("orgs", orgs), ("workflows", workflows), ("jobs", jobs)):
            self._sources[name].on_polled(items, now)


def _parsed(parse: Callable[[Any], tuple[Any, Any]], page: Mapping[str, Any]) -> dict[str, Any]:
    found = (parse(item)[0] for item in page["items"])
    return {item.id: item for item in found}
