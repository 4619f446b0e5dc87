"""The lines of organisations: of what was polled, and of what their CrawlJobs say meanwhile."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

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
from exporter.metrics.sliced_work import Schedule, SlicedWork, next_turn
from exporter.resources.browsertrix import Organisation, OrganisationCounts
from exporter.resources.browsertrix.quotas import month_of


class OrganisationTable:
    """Takes the organisations that are polled; the exposition takes its lines from here.

    An organisation is rendered when it is another than before, and all of them when the month is.
    """

    def __init__(
        self,
        families: Iterable[Family],
        crawls: OrganisationSums,
        *,
        names: bool = True,
        schedule: Schedule = next_turn,
    ) -> None:
        """``names``: whether they may be served; ``schedule`` is that of ``SlicedWork``."""
        families = tuple(families)
        self._names = names
        self._crawls = crawls
        self._work = SlicedWork(schedule)
        self._rows = Rows[OrganisationView](
            [family for family in families if isinstance(family, OrganisationFamily)],
            lambda view: (view.org.id,),
        )
        self._crawl_rows = Rows[OrganisationCrawls](
            [family for family in families if isinstance(family, OrganisationCrawlsFamily)],
            lambda crawls: (crawls.org.id,),
        )
        self._orgs: Mapping[str, Organisation] = {}
        self._month = ""
        self._crawls_before: dict[str, OrganisationCrawls] = {}
        """Of each organisation, what is rendered."""

    def on_polled(self, items: Mapping[str, Organisation], at: float, /) -> None:
        """Serve these organisations, as soon as all are rendered; ``at`` in seconds since 1970."""
        self._work.start(self._render(items, month_of(at)))

    def on_unknown(self) -> None:
        """Serve none until they are polled again."""
        self._work.cancel()
        self._replace({}, self._rows.emptied())

    def lines(self, now: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines as they are now, by family's name."""
        self._set_month(now)
        if self._crawls.known:
            for key, org in self._orgs.items():
                crawls = self._crawls.of(org)
                if self._crawls_before.get(key) != crawls:
                    self._crawls_before[key] = crawls
                    self._crawl_rows.put(key, crawls)
        return self._rows.lines() | self._crawl_rows.lines()

    def _render(self, items: Mapping[str, Organisation], month: str) -> Iterator[None]:
        rows = self._rows.emptied()
        for key, org in items.items():
            if month == self._month and self._orgs.get(key) == org:
                rows.take(key, self._rows)
            else:
                rows.put(key, OrganisationView(org, month, self._names))
            yield
        self._month = month
        self._replace(items, rows)

    def _replace(self, items: Mapping[str, Organisation], rows: Rows[OrganisationView]) -> None:
        if items.keys() != self._orgs.keys():
            self._crawl_rows, self._crawls_before = self._crawl_rows.emptied(), {}
        self._orgs, self._rows = items, rows

    def _set_month(self, now: float) -> None:
        """Render what is of this month when it is another: also back, where a clock was wrong."""
        month = month_of(now)
        if month != self._month:
            self._month = month
            for key, org in self._orgs.items():
                view = OrganisationView(org, month, self._names)
                self._rows.put(key, view, _is_monthly)


def _is_monthly(family: PolledFamily) -> bool:
    return isinstance(family, OrganisationFamily) and family.monthly


class OrganisationCountsTable:
    """Takes what organisations have archived, which is asked for less often."""

    def __init__(self, families: Iterable[Family], schedule: Schedule = next_turn) -> None:
        """``schedule`` is that of ``SlicedWork``."""
        self._work = SlicedWork(schedule)
        self._rows = Rows[OrganisationCounts](
            [family for family in families if isinstance(family, OrganisationCountsFamily)],
            lambda counts: (counts.id,),
        )

    def on_polled(self, items: Mapping[str, OrganisationCounts], at: float, /) -> None:  # noqa: ARG002
        """Serve these counts, by the organisation's id."""
        self._work.start(self._render(items))

    def on_unknown(self) -> None:
        """Serve none until they are polled again."""
        self._work.cancel()
        self._rows = self._rows.emptied()

    def lines(self, _: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines, by family's name."""
        return self._rows.lines()

    def _render(self, items: Mapping[str, OrganisationCounts]) -> Iterator[None]:
        rows = self._rows.emptied()
        for key, counts in items.items():
            rows.put(key, counts)
            yield
        self._rows = rows
