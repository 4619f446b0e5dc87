"""The lines of organisations: of what was polled, and of what their CrawlJobs say meanwhile."""

from collections.abc import Iterable, Mapping, Sequence

from exporter.metrics.catalog.family import Family
from exporter.metrics.catalog.polled import (
    OrganisationCountsFamily,
    OrganisationCrawls,
    OrganisationCrawlsFamily,
    OrganisationFamily,
    OrganisationView,
    PolledFamily,
)
from exporter.metrics.organisation_crawls import OrganisationSums
from exporter.metrics.rows import Rows
from exporter.resources.browsertrix import Organisation, OrganisationCounts
from exporter.resources.browsertrix.quotas import month_of


class OrganisationTable:
    """Takes the organisations that are polled; the exposition takes its lines from here.

    An organisation is rendered when it is another than before, and all of them when the month is.
    """

    def __init__(
        self, families: Iterable[Family], crawls: OrganisationSums, *, names: bool = True
    ) -> None:
        """``names``: whether they may be served."""
        families = tuple(families)
        self._names = names
        self._crawls = crawls
        self._rows = Rows[OrganisationView](
            [family for family in families if isinstance(family, OrganisationFamily)],
            lambda view: (view.org.id,),
        )
        self._crawl_rows = Rows[OrganisationCrawls](
            [family for family in families if isinstance(family, OrganisationCrawlsFamily)],
            lambda crawls: (crawls.org.id,),
        )
        self._orgs: Mapping[str, Organisation] = {}
        self._crawls_before: dict[str, OrganisationCrawls] = {}
        """Of each organisation, what is rendered."""
        self._month = ""

    def on_polled(self, items: Mapping[str, Organisation], at: float, /) -> None:
        """Serve these organisations; ``at`` in seconds since 1970."""
        self._keep(items)
        month = month_of(at)
        before = self._orgs if month == self._month else {}
        self._orgs, self._month = items, month
        for key, org in items.items():
            if before.get(key) != org:
                self._rows.put(key, self._view(org))

    def on_unknown(self) -> None:
        """Serve none until they are polled again."""
        self._keep({})
        self._orgs = {}

    def lines(self, now: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines as they are now, by family's name."""
        self._set_month(now)
        if not self._crawls.known:
            return self._rows.lines()
        for key, org in self._orgs.items():
            crawls = self._crawls.of(org)
            if self._crawls_before.get(key) != crawls:
                self._crawls_before[key] = crawls
                self._crawl_rows.put(key, crawls)
        return self._rows.lines() | self._crawl_rows.lines()

    def _keep(self, items: Mapping[str, Organisation]) -> None:
        self._rows.keep(items)
        self._crawl_rows.keep(items)
        for key in self._crawls_before.keys() - items.keys():
            del self._crawls_before[key]

    def _set_month(self, now: float) -> None:
        """Render what is of this month when it is another: also back, where a clock was wrong."""
        month = month_of(now)
        if month != self._month:
            self._month = month
            for key, org in self._orgs.items():
                self._rows.put(key, self._view(org), _is_monthly)

    def _view(self, org: Organisation) -> OrganisationView:
        return OrganisationView(org, self._month, self._names)


def _is_monthly(family: PolledFamily) -> bool:
    return isinstance(family, OrganisationFamily) and family.monthly


class OrganisationCountsTable:
    """Takes what organisations have archived, which is asked for less often."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._rows = Rows[OrganisationCounts](
            [family for family in families if isinstance(family, OrganisationCountsFamily)],
            lambda counts: (counts.id,),
        )
        self._counts: Mapping[str, OrganisationCounts] = {}

    def on_polled(self, items: Mapping[str, OrganisationCounts], at: float, /) -> None:  # noqa: ARG002
        """Serve these counts, by the organisation's id."""
        self._rows.keep(items)
        before, self._counts = self._counts, items
        for key, counts in items.items():
            if before.get(key) != counts:
                self._rows.put(key, counts)

    def on_unknown(self) -> None:
        """Serve none until they are polled again."""
        self._rows.keep(())
        self._counts = {}

    def lines(self, _: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines, by family's name."""
        return self._rows.lines()
