"""The five things that are asked of Browsertrix, each with its path and how often it is asked.

How dear they are to Browsertrix decides how often: organisations are a find in its database,
workflows an aggregation for each organisation, and the counts of archived items read every record
of an organisation.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

from exporter.browsertrix.api import BrowsertrixAPI, Item
from exporter.browsertrix.polling import Handlers, PolledHandler, PolledSource, WholeSource
from exporter.browsertrix.rounds import Organisations, RoundSource
from exporter.resources.browsertrix import (
    BackgroundJob,
    Organisation,
    OrganisationCounts,
    ServerSettings,
    Workflow,
    background_job,
    organisation,
    server_settings,
    workflow,
)
from exporter.runtime.time_slice import TimeSlice

logger = logging.getLogger(__name__)

SELDOM: Final = 5
"""Intervals between two lists of background jobs, and two looks at the settings."""
WORKFLOWS_EVERY: Final = 10
"""Intervals between two lists of an organisation's workflows."""
COUNTS_EVERY: Final = 3600.0
"""Seconds between two counts of an organisation's archived items; an interval if that is longer."""
JOBS_PAGE: Final = 1000
"""Jobs are small, and pages of jobs that are alike are not sure to have each once."""
MOST_JOBS: Final = 20_000
"""That run or have failed; more are left out."""


class OrganisationSource(WholeSource[Organisation]):
    """All organisations."""

    def __init__(
        self, api: BrowsertrixAPI, interval: float, handlers: Sequence[PolledHandler[Organisation]]
    ) -> None:
        super().__init__("orgs", interval, handlers)
        self._api = api
        self._read = self.problems.reader(Organisation.parse, organisation.READER.fields)
        self._count = 0

    async def ask(self) -> Mapping[str, Organisation]:
        """List them. Where there are fewer than before, ask whether we may still see all."""
        found = await self._api.list("orgs", "/orgs", self._read)
        if len(found) < self._count:
            await self._api.check_superadmin()
        self._count = len(found)
        return found


class OrganisationCountsSource(RoundSource[OrganisationCounts]):
    """What each organisation has archived."""

    def __init__(
        self,
        api: BrowsertrixAPI,
        interval: float,
        handlers: Sequence[PolledHandler[OrganisationCounts]],
        organisations: Organisations,
    ) -> None:
        super().__init__("org_counts", max(COUNTS_EVERY, interval), handlers, organisations)
        self._api = api
        self._read = self.problems.reader(
            OrganisationCounts.parse, organisation.COUNTS_READER.fields
        )

    async def ask(self, oid: str) -> Mapping[str, OrganisationCounts]:
        """Ask for one organisation's; the answer does not name it."""
        answer = await self._api.get_object("org_counts", f"/orgs/{quote(oid, safe='')}/metrics")
        found = self._read({**answer, "id": oid})
        return {} if found is None else {oid: found}


class WorkflowSource(RoundSource[Workflow]):
    """The workflows of each organisation; those that were deleted are not among them."""

    def __init__(
        self,
        api: BrowsertrixAPI,
        interval: float,
        handlers: Sequence[PolledHandler[Workflow]],
        organisations: Organisations,
    ) -> None:
        super().__init__("workflows", WORKFLOWS_EVERY * interval, handlers, organisations)
        self._api = api
        self._read = self.problems.reader(Workflow.parse, workflow.READER.fields)

    async def ask(self, oid: str) -> Mapping[str, Workflow]:
        """List one organisation's."""
        path = f"/orgs/{quote(oid, safe='')}/crawlconfigs"
        return await self._api.list("workflows", path, self._read)


class JobSource(WholeSource[BackgroundJob]):
    """Background jobs that run or have failed; of years of others nothing is read."""

    def __init__(
        self,
        api: BrowsertrixAPI,
        interval: float,
        handlers: Sequence[PolledHandler[BackgroundJob]],
    ) -> None:
        super().__init__("jobs", SELDOM * interval, handlers)
        self._api = api
        self._read = self.problems.reader(BackgroundJob.parse, background_job.READER.fields)
        self._warned = False

    async def ask(self) -> Mapping[str, BackgroundJob]:
        """List them by success, by which those without come first: running, failed, the others."""
        found: dict[str, BackgroundJob] = {}
        query = {"sortBy": "success", "sortDirection": "1"}
        time_slice = TimeSlice()
        async with aclosing(
            self._api.pages("jobs", "/orgs/all/jobs", query, size=JOBS_PAGE)
        ) as pages:
            async for items, _ in pages:
                for item in items:
                    job = None if item.get("success") is True else self._read(item)
                    if job is not None:
                        found[job.id] = job
                    await time_slice.yield_if_due()
                if len(found) >= MOST_JOBS:
                    self._warn_once()
                    break
                if _ends_with_successes(items):
                    break
        return found

    def _warn_once(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "too many background jobs run or have failed: the rest is left out",
                extra={"most": MOST_JOBS},
            )


class SettingsSource(WholeSource[ServerSettings]):
    """What the installation is set to."""

    def __init__(
        self,
        api: BrowsertrixAPI,
        interval: float,
        handlers: Sequence[PolledHandler[ServerSettings]],
    ) -> None:
        super().__init__("settings", SELDOM * interval, handlers)
        self._api = api
        self._read = self.problems.reader(ServerSettings.parse, server_settings.READER.fields)

    async def ask(self) -> Mapping[str, ServerSettings]:
        """Ask for the one there is."""
        found = self._read(await self._api.get_object("settings", "/settings"))
        return {} if found is None else {found.id: found}


def all_sources(
    api: BrowsertrixAPI,
    interval: float,
    handlers: Handlers,
    *,
    workflows: bool,
    installation: bool = True,
) -> tuple[PolledSource[Any], ...]:
    """Make those that are asked for; the organisations are the first.

    Without ``installation`` it is what crawls need alone: names, and the pause limit.
    """
    orgs = OrganisationSource(api, interval, handlers.get("orgs", ()))

    def oids() -> Any:
        return orgs.items

    found: list[PolledSource[Any]] = [orgs]
    if installation:
        counts = handlers.get("org_counts", ())
        found.append(OrganisationCountsSource(api, interval, counts, oids))
    if workflows:
        found.append(WorkflowSource(api, interval, handlers.get("workflows", ()), oids))
    if installation:
        found.append(JobSource(api, interval, handlers.get("jobs", ())))
    return *found, SettingsSource(api, interval, handlers.get("settings", ()))


def _ends_with_successes(items: Sequence[Item]) -> bool:
    """Whether a page shows that all that follow succeeded; not where it is in another order."""
    succeeded = [item.get("success") is True for item in items]
    return bool(succeeded) and succeeded[-1] and succeeded == sorted(succeeded)
