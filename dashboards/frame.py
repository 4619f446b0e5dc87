"""What surrounds the panels: the grid, variables, navigation, events in the background.

Grafana's grid is 24 wide; a line's panels share it evenly unless they say how. All dashboards
show UTC, as Browsertrix writes it, share the crosshair and lead to each other by their tag.
"""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import DATASOURCE, Panel

TAG: Final = "browsertrix"
WIDTH: Final = 24
ALL: Final = ".*"
"""The value of "All": one expression, however many there are, that also matches a missing label."""


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other. ``height`` is in cells of 38 pixels."""

    height: int
    panels: tuple[Panel, ...]
    widths: tuple[int, ...] = ()

    def columns(self) -> tuple[int, ...]:
        """The width of each panel. Raises ValueError where they do not fill the grid."""
        even = (WIDTH // len(self.panels),) * len(self.panels)
        widths = self.widths or even
        if sum(widths) != WIDTH or len(widths) != len(self.panels):
            raise ValueError(f"{widths} is no division of {WIDTH} for {len(self.panels)} panels")
        return widths


def line(height: int, *panels: Panel, widths: tuple[int, ...] = ()) -> Line:
    """Write a line of panels."""
    return Line(height, panels, widths)


@dataclass(frozen=True, slots=True)
class Row:
    """Lines under one heading."""

    title: str
    lines: tuple[Line, ...]


def row(title: str, *lines: Line) -> Row:
    """Write a row."""
    return Row(title, lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Something to choose from: the values of a label."""

    name: str
    label: str
    """What the reader sees."""
    query: str
    several: bool = True
    """Whether several, or all, may be chosen."""

    def builder(self) -> dashboard.QueryVariable:
        """The variable as the SDK takes it; asked anew when the time shown changes."""
        made = (
            dashboard.QueryVariable(self.name)
            .label(self.label)
            .datasource(DATASOURCE)
            .query({"query": self.query, "refId": f"{self.name}-variable"})
            .definition(self.query)
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(self.several)
        )
        if not self.several:
            return made
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        return made.include_all(True).all_value(ALL).current(everything)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Something that happened, marked on every panel over time."""

    name: str
    expr: str
    colour: str
    title: str
    text: str
    """Templates over labels."""
    tags: str
    """Labels to show as tags, separated by commas."""
    dated: bool = False
    """Whether the value is the moment, in milliseconds; otherwise the samples' own moments are."""
    shown: bool = True
    """Whether it is shown before anybody asks for it."""

    def builder(self) -> dashboard.AnnotationQuery:
        """The annotation as the SDK takes it."""
        return (
            dashboard.AnnotationQuery()
            .name(self.name)
            .datasource(DATASOURCE)
            .expr(self.expr)
            .step("60s")
            .icon_color(self.colour)
            .title_format(self.title)
            .text_format(self.text)
            .tag_keys(self.tags)
            .use_value_for_time(self.dated)
            .enable(self.shown)
            .hide(False)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard."""

    uid: str
    """For ever: alerts and bookmarks lead to it."""
    title: str
    description: str
    variables: tuple[Variable, ...]
    events: tuple[Annotation, ...]
    rows: tuple[Row, ...]
    since: str = "now-6h"

    def build(self) -> model.Dashboard:
        """Place and number every panel."""
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("utc")
            .time(self.since, "now")
            .refresh("1m")
            .readonly()
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink("Browsertrix")
                .type(model.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .include_vars(True)
                .keep_time(True)
            )
            .with_variable(
                dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
            )
        )
        for variable in self.variables:
            made = made.with_variable(variable.builder())
        for event in (_by_hand(), *(event.builder() for event in self.events)):
            made = made.annotation(event)
        return self._place_panels(made).build()

    def _place_panels(self, made: dashboard.Dashboard) -> dashboard.Dashboard:
        number, y = 1, 0
        for part in self.rows:
            place = model.GridPos(h=1, w=WIDTH, x=0, y=y)
            made = made.with_row(dashboard.Row(part.title).id(number).grid_pos(place))
            number, y = number + 1, y + 1
            for row in part.lines:
                x = 0
                for panel, width in zip(row.panels, row.columns(), strict=True):
                    place = model.GridPos(h=row.height, w=width, x=x, y=y)
                    made = made.with_panel(panel.id(number).grid_pos(place))
                    number, x = number + 1, x + width
                y += row.height
        return made


def _by_hand() -> dashboard.AnnotationQuery:
    """The annotations people make in Grafana, which every dashboard there has."""
    return (
        dashboard.AnnotationQuery()
        .name("Annotations & Alerts")
        .datasource(shared.DataSourceRef(type_val="grafana", uid="-- Grafana --"))
        .built_in(1)
        .type("dashboard")
        .icon_color("rgba(0, 211, 255, 1)")
        .enable(True)
        .hide(True)
    )


def of_labels(metric: str, label: str) -> str:
    """What a variable asks: the values of a label."""
    return f"label_values({metric}, {label})"


NAMESPACE: Final = Variable(
    name="namespace", label="Namespace", query=of_labels("browsertrix_crawls", "namespace")
)
ORGANISATION: Final = Variable(
    name="oid",
    label="Organisation",
    query=of_labels('browsertrix_crawl_info{namespace=~"$namespace"}', "oid"),
)
CRAWLS: Final = Variable(
    name="crawl",
    label="Crawl",
    query=of_labels('browsertrix_crawl_info{namespace=~"$namespace", oid=~"$oid"}', "crawl"),
)
ONE_CRAWL: Final = Variable(name="crawl", label="Crawl", query=CRAWLS.query, several=False)
