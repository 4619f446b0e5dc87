"""Annotations: events marked on all panels of a dashboard."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import common as shared

from dashboards.panels import DATASOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A query whose results are marked on every panel over time."""

    name: str
    expr: str
    colour: str
    title: str
    text: str
    """Templates over labels."""
    tags: str
    """Labels to show as tags, separated by commas."""
    use_value_for_time: bool = False
    """Mark the value, in milliseconds since 1970, rather than the timestamps of the samples."""
    enabled: bool = True
    """Whether it is switched on when the dashboard is opened."""

    def builder(self) -> dashboard.AnnotationQuery:
        """The annotation as the SDK takes it; queried at steps of a minute."""
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
            .use_value_for_time(self.use_value_for_time)
            .enable(self.enabled)
            .hide(False)
        )


BUILT_IN: Final = (
    dashboard.AnnotationQuery()
    .name("Annotations & Alerts")
    .datasource(shared.DataSourceRef(type_val="grafana", uid="-- Grafana --"))
    .built_in(1)
    .type("dashboard")
    .icon_color("rgba(0, 211, 255, 1)")
    .enable(True)
    .hide(True)
)
"""What people mark by hand, which every dashboard of Grafana has; shown, without a switch."""
