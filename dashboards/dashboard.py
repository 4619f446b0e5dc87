"""A dashboard: what all have in common, and where on the grid each panel is.

Grafana's grid is 24 wide; a line's panels share it evenly unless it has widths. All dashboards
show UTC, as Browsertrix writes it, share the crosshair and link to each other by their tag.
"""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from dashboards.annotations import BUILT_IN, Annotation
from dashboards.panels import Panel
from dashboards.variables import Variable

TAG: Final = "browsertrix"
WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other, all of one height."""

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
    """Panels beside each other; ``height`` is in cells of 38 pixels."""
    return Line(height, panels, widths)


@dataclass(frozen=True, slots=True)
class Row:
    """Lines under one heading, Grafana's row; always open."""

    title: str
    lines: tuple[Line, ...]


def row(title: str, *lines: Line) -> Row:
    """A heading, and the lines of panels below it."""
    return Row(title, lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A classic dashboard: read-only, refreshed every minute."""

    uid: str
    """Never changes: alerts and bookmarks link to it."""
    title: str
    description: str
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    rows: tuple[Row, ...]
    time_from: str = "now-6h"

    def build(self) -> model.Dashboard:
        """The dashboard as the SDK writes it. Raises ValueError where panels do not fill a line."""
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("utc")
            .time(self.time_from, "now")
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
        for annotation in (BUILT_IN, *(one.builder() for one in self.annotations)):
            made = made.annotation(annotation)
        return self._place_panels(made).build()

    def _place_panels(self, made: dashboard.Dashboard) -> dashboard.Dashboard:
        number, y = 1, 0
        for row in self.rows:
            place = model.GridPos(h=1, w=WIDTH, x=0, y=y)
            made = made.with_row(dashboard.Row(row.title).id(number).grid_pos(place))
            number, y = number + 1, y + 1
            for line in row.lines:
                x = 0
                for panel, width in zip(line.panels, line.columns(), strict=True):
                    place = model.GridPos(h=line.height, w=width, x=x, y=y)
                    made = made.with_panel(panel.id(number).grid_pos(place))
                    number, x = number + 1, x + width
                y += line.height
        return made
