"""What an exporter asks of Browsertrix's own API, answered by the simulated one.

Only HTTP and the event loop are left out: what the simulator would answer is parsed, goes through
the exporter's tables to the exposition, and is counted by its client.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from exporter.browsertrix import BrowsertrixClient, ClientSettings, Login, PolledSource
from exporter.browsertrix.polling import UNKNOWN_AFTER
from exporter.crawls import PauseLimit
from exporter.metrics import BrowsertrixTables
from exporter.metrics.catalog import Family
from exporter.metrics.sliced_work import Schedule
from exporter.resources.browsertrix import (
    BackgroundJob,
    Organisation,
    OrganisationCounts,
    ServerSettings,
    Workflow,
)
from exporter.simulator.browsertrix_api import Database, User
from exporter.simulator.browsertrix_api.answers import Answers

_INTERVAL: Final = 60.0
"""Seconds; ``--browsertrix.interval`` as it is by default."""
_DOWN: Final = (3.4 * 3600, 3.7 * 3600)
"""Seconds since the start between which it does not answer: some of it is unknown meanwhile."""


class AskedBrowsertrix:
    """A client that is told when to ask, and what time it is."""

    def __init__(
        self,
        database: Database,
        families: Iterable[Family],
        pause_limit: PauseLimit,
        folder: Path,
        schedule: Schedule,
    ) -> None:
        """``folder`` is for the token's file; ``schedule`` is that of the exporter's tables."""
        token = folder / "browsertrix-token"
        token.write_text("simulated", encoding="utf-8")
        settings = ClientSettings(
            url="http://browsertrix.invalid", login=Login(file=token), interval=_INTERVAL
        )
        self.client = BrowsertrixClient(settings, {})  # it never runs
        self.tables = BrowsertrixTables(families, [""], schedule=schedule)
        self._pause_limit = pause_limit
        self._database = database
        self._begun = database.clock()
        self._tried: dict[str, float] = {}
        self._answers = _answers(database, pause_limit.seconds)

    def ask(self, now: float) -> None:
        """Ask all that is due at ``now``, and hand it on."""
        self._database.settle()
        down, up = (self._begun + seconds for seconds in _DOWN)
        for source in self.client.sources:
            tried = self._tried.get(source.source)
            if tried is not None and now - tried < (source.interval if source.up else _INTERVAL):
                continue
            self._tried[source.source] = now
            if down <= now < up:
                self._fail(source, now)
            else:
                self._succeed(source, now)

    def _succeed(self, source: PolledSource[Any], now: float) -> None:
        name = source.source
        items = dict(self._answers[name]())
        by_org = name in ("org_counts", "workflows")
        self.client.requests.requests[name] += len(self._database.organisations) if by_org else 1
        source.items, source.up, source.last_error, source.last_success = items, True, None, now
        self.tables.by_source[name].on_polled(items, now)
        if name == "settings":
            self._pause_limit.on_polled(items, now)

    def _fail(self, source: PolledSource[Any], now: float) -> None:
        name = source.source
        self.client.requests.requests[name] += 1
        self.client.requests.failures[name, "unreachable"] += 1
        source.up, source.last_error = False, "Browsertrix cannot be reached"
        if source.last_success is None or now - source.last_success > UNKNOWN_AFTER * _INTERVAL:
            source.items = None
            self.tables.by_source[name].on_unknown()


_Items = Iterator[tuple[str, Any]]


def _answers(database: Database, pause_limit: float) -> Mapping[str, Callable[[], _Items]]:
    """What is asked for, by source: each item by its id."""
    answers, superadmin = Answers(database), User(email="", password="")

    def counts() -> _Items:
        for oid in database.organisations:
            found, _ = OrganisationCounts.parse({**answers.metrics(superadmin, oid), "id": oid})
            yield oid, found

    def workflows() -> _Items:
        for oid in database.organisations:
            yield from _parsed(Workflow.parse, answers.crawlconfigs(superadmin, oid, {}))

    def jobs() -> _Items:
        for key, job in _parsed(BackgroundJob.parse, answers.jobs({})):
            if job.state in ("running", "failed"):
                yield key, job

    def settings() -> _Items:
        found, _ = ServerSettings.parse({"pausedExpiryMinutes": pause_limit / 60})
        yield found.id, found

    return {
        "orgs": lambda: _parsed(Organisation.parse, answers.orgs(superadmin, {})),
        "org_counts": counts,
        "workflows": workflows,
        "jobs": jobs,
        "settings": settings,
    }


def _parsed(parse: Callable[[Any], tuple[Any, Any]], page: Mapping[str, Any]) -> _Items:
    for item in page["items"]:
        found, _ = parse(item)
        yield found.id, found
