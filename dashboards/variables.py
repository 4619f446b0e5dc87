"""Variables: what can be selected on top of a dashboard."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import DATASOURCE
from exporter.alerting.names import ORG_NAMES
from exporter.rules.promql import by, on

ALL: Final = ".*"
"""The value of "All": one expression, however many there are, that also matches a missing label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A drop-down of a label's values, on top of the dashboard."""

    name: str
    label: str
    """Its name on the dashboard."""
    query: str
    regex: str = ""
    """Picks ``value`` and ``text``, by groups of these names, out of each series of the query."""
    multi: bool = True
    """Whether several, or all, may be selected."""

    def builder(self) -> dashboard.QueryVariable:
        """The variable as the SDK takes it; queried anew when the time shown changes."""
        made = (
            dashboard.QueryVariable(self.name)
            .label(self.label)
            .datasource(DATASOURCE)
            .query({"query": self.query, "refId": f"{self.name}-variable"})
            .definition(self.query)
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(self.multi)
        )
        if self.regex:
            made = made.regex(self.regex)
        if not self.multi:
            return made
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        return made.include_all(True).all_value(ALL).current(everything)


def label_values(metric: str, label: str) -> str:
    """The query of a variable: a label's values among the series of a selector."""
    return f"label_values({metric}, {label})"


CLUSTER: Final = Variable(
    name="cluster", label="Cluster", query=label_values("browsertrix_crawls", "cluster")
)
"""Empty, and of no effect, where Prometheus watches one cluster alone."""
NAMESPACE: Final = Variable(
    name="namespace",
    label="Namespace",
    query=label_values('browsertrix_crawls{cluster=~"$cluster"}', "namespace"),
)
_SLUGS: Final = f'{ORG_NAMES}{{cluster=~"$cluster", slug!=""}}'
_OF_CRAWLS: Final = 'cluster=~"$cluster", namespace=~"$namespace"'
_HAVE_CRAWLS: Final = f"max {by('oid')} (browsertrix_crawl_info{{{_OF_CRAWLS}}})"
_HAD_CRAWLS: Final = (
    f"max {by('oid')} "
    f"(last_over_time(browsertrix_org_exec_seconds_total{{{_OF_CRAWLS}}}[$__range]))"
)
_SLUG_OF_ID: Final = '/oid="(?<value>[^"]+)|slug="(?<text>[^"]+)/g'
ORGANISATION: Final = Variable(
    name="oid",
    label="Organisation",
    query=f"query_result({_SLUGS} or {on('oid')} {_HAVE_CRAWLS} or {on('oid')} {_HAD_CRAWLS})",
    regex=_SLUG_OF_ID,
)
"""Lists slugs, and ids where no slug is known; the value is the id."""
KNOWN_ORGANISATION: Final = Variable(
    name="oid",
    label="Organisation",
    query=f'query_result({ORG_NAMES}{{cluster=~"$cluster"}})',
    regex=_SLUG_OF_ID,
)
"""Those that Browsertrix says there are: by slugs, or by ids where names are withheld."""
CRAWLS: Final = Variable(
    name="crawl",
    label="Crawl",
    query=label_values(
        'browsertrix_crawl_info{cluster=~"$cluster", namespace=~"$namespace", oid=~"$oid"}', "crawl"
    ),
)
ONE_CRAWL: Final = Variable(name="crawl", label="Crawl", query=CRAWLS.query, multi=False)
