"""All tables of what is polled from Browsertrix, by the source that fills them."""

from collections.abc import Iterable, Mapping
from typing import Any

from exporter.metrics.catalog.family import Family
from exporter.metrics.installation_tables import BackgroundJobTable, ServerSettingsTable
from exporter.metrics.organisation_crawls import OrganisationSums
from exporter.metrics.organisation_table import OrganisationCountsTable, OrganisationTable
from exporter.metrics.sliced_work import Schedule, next_turn
from exporter.metrics.workflow_table import WorkflowTable
from exporter.settings.defaults import DEFAULT_MAX_WORKFLOWS


class BrowsertrixTables:
    """Made where Browsertrix is asked at all; else nothing of it is served, not even headers."""

    def __init__(
        self,
        families: Iterable[Family],
        scopes: Iterable[str],
        *,
        names: bool = True,
        max_workflows: int = DEFAULT_MAX_WORKFLOWS,
        schedule: Schedule = next_turn,
    ) -> None:
        """``scopes`` are those in which CrawlJobs are followed; ``names``: whether to serve any.

        At most ``max_workflows`` workflows have series. ``schedule`` has a callback called once,
        soon, on the event loop: thousands are rendered a few milliseconds at a time.
        """
        families = tuple(families)
        self.crawls = OrganisationSums(scopes)
        """Handles the changes of crawls."""
        self.by_source: Mapping[str, Any] = {
            "orgs": OrganisationTable(families, self.crawls, names=names, schedule=schedule),
            "org_counts": OrganisationCountsTable(families, schedule),
            "workflows": WorkflowTable(
                families, most=max_workflows, names=names, schedule=schedule
            ),
            "jobs": BackgroundJobTable(families),
            "settings": ServerSettingsTable(families),
        }
        """What takes each source's items, and gives the exposition lines."""
