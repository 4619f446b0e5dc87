"""The types of panels used, each with what every panel must have: title, description, thresholds.

A panel here is a builder of the Foundation SDK that lacks only its id and its place on the grid,
which ``dashboard`` assigns.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.builders import heatmap as heatmap_builder
from grafana_foundation_sdk.builders.bargauge import Panel as BarGaugePanel
from grafana_foundation_sdk.builders.heatmap import Panel as HeatmapPanel
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimelinePanel
from grafana_foundation_sdk.builders.table import Panel as TablePanel
from grafana_foundation_sdk.builders.text import Panel as TextPanel
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeriesPanel
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from dashboards.fields import DEFAULT, FieldConfig, override, with_field_config

DATASOURCE: Final = shared.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = (
    BarGaugePanel
    | HeatmapPanel
    | StatPanel
    | StateTimelinePanel
    | TablePanel
    | TextPanel
    | TimeSeriesPanel
)
_P = TypeVar(
    "_P",
    BarGaugePanel,
    HeatmapPanel,
    StatPanel,
    StateTimelinePanel,
    TablePanel,
    TimeSeriesPanel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """An expression, how it is run, and how its series are named."""

    expr: str
    legend: str = ""
    """A template over labels, such as ``{{state}}``; empty leaves it to Grafana."""
    instant: bool = False
    """Evaluated at the end of the time shown, rather than over all of it."""
    format: PromQueryFormat = PromQueryFormat.TIME_SERIES
    """``TABLE`` gives rows of labels and a value; ``HEATMAP`` takes cumulative buckets, one series
    for each value of ``le``, apart: each must have a value at every step."""

    def target(self, ref: str) -> prometheus.Dataquery:
        """The query as the SDK takes it; ``ref`` (A, B and so on) is unique in a panel."""
        made = prometheus.Dataquery().datasource(DATASOURCE).expr(self.expr).ref_id(ref)
        made = (made.instant() if self.instant else made.range()).format(self.format)
        if self.format is PromQueryFormat.TABLE:
            return made
        return made.legend_format(self.legend or "__auto")


def base_panel(
    panel: _P, title: str, description: str, queries: Iterable[Query], config: FieldConfig
) -> _P:
    """Set what panels of all types have; queries are A, B, … in their order."""
    panel = panel.title(title).description(description).datasource(DATASOURCE)
    for number, query in enumerate(queries):
        panel = panel.with_target(query.target(chr(ord("A") + number)))
    return with_field_config(panel, config)


def stat(title: str, description: str, query: Query, config: FieldConfig = DEFAULT) -> StatPanel:
    """One value, the last, in the colour of its threshold; with a trend unless it is instant."""
    return (
        base_panel(StatPanel(), title, description, [query], config)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(shared.BigValueColorMode.VALUE)
        .graph_mode(
            shared.BigValueGraphMode.NONE if query.instant else shared.BigValueGraphMode.AREA
        )
        .justify_mode(shared.BigValueJustifyMode.CENTER)
    )


def label_stat(
    title: str, description: str, query: Query, config: FieldConfig = DEFAULT
) -> StatPanel:
    """A series' name (its legend) rather than its value: a state, a reason, a version."""
    return (
        stat(title, description, query, config)
        .text_mode(shared.BigValueTextMode.NAME)
        .graph_mode(shared.BigValueGraphMode.NONE)
    )


def time_series(  # noqa: PLR0913 - each way of drawing by its name
    title: str,
    description: str,
    *queries: Query,
    config: FieldConfig = DEFAULT,
    stacked: bool = False,
    bars: bool = False,
    dashed: str = "",
    min_interval: str = "",
    show_thresholds: bool = False,
) -> TimeSeriesPanel:
    """Values over time; ``stacked`` where their sum means something, ``bars`` for counts.

    Series whose name matches ``dashed``, a regular expression, are limits or targets: dashed,
    unfilled and never stacked. ``min_interval`` is the shortest step between two points.
    """
    panel = (
        base_panel(TimeSeriesPanel(), title, description, queries, config)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(shared.LegendDisplayMode.LIST)
            .placement(shared.LegendPlacement.BOTTOM)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(shared.TooltipDisplayMode.MULTI)
            .sort(shared.SortOrder.DESCENDING)
        )
        .line_width(1)
        .fill_opacity(60 if stacked else 10)
        .show_points(shared.VisibilityMode.AUTO)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL).group("A"))
    if bars:
        panel = panel.draw_style(shared.GraphDrawStyle.BARS).fill_opacity(80)
    if min_interval:
        panel = panel.interval(min_interval)
    if dashed:
        panel = panel.override_by_regexp(
            f"/{dashed}/",
            [
                override("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
                override("custom.fillOpacity", 0),
                override("custom.stacking", {"mode": "none", "group": "A"}),
            ],
        )
    if show_thresholds:
        panel = panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def text(title: str, content: str) -> TextPanel:
    """A paragraph of Markdown, without a query."""
    return TextPanel().title(title).content(content).mode(TextMode.MARKDOWN)


def bar_gauge(
    title: str, description: str, query: Query, config: FieldConfig = DEFAULT
) -> BarGaugePanel:
    """A horizontal bar for each series, as long as its last value."""
    return (
        base_panel(BarGaugePanel(), title, description, [query], config)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(shared.VizOrientation.HORIZONTAL)
        .display_mode(shared.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
    )


def state_timeline(
    title: str,
    description: str,
    *queries: Query,
    config: FieldConfig = DEFAULT,
    by_value: bool = False,
) -> StateTimelinePanel:
    """A row for each series, with a bar for as long as it has a value.

    A bar has its series' colour or, ``by_value``, that of its value's threshold.
    """
    colours = (
        model.FieldColorModeId.THRESHOLDS
        if by_value
        else model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME
    )
    return (
        base_panel(StateTimelinePanel(), title, description, queries, config)
        .color_scheme(dashboard.FieldColor().mode(colours))
        .show_value(shared.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(85)
        .legend(common.VizLegendOptions().show_legend(False))
    )


def heatmap(
    title: str, description: str, query: Query, config: FieldConfig = DEFAULT
) -> HeatmapPanel:
    """How many are in each bucket, over time; the legends of the query are the buckets' bounds.

    A point for ten minutes at the shortest: each looks at all there is.
    """
    return (
        base_panel(HeatmapPanel(), title, description, [query], config)
        .interval("10m")
        .calculate(False)
        .rows_frame(
            heatmap_builder.RowsHeatmapOptions().layout(shared.HeatmapCellLayout.LE).value("pods")
        )
        .color(
            heatmap_builder.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme("Spectral")
            .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
            .reverse(True)
        )
        .y_axis(
            heatmap_builder.YAxisConfig()
            .unit(config.unit)
            .axis_placement(shared.AxisPlacement.LEFT)
        )
        .cell_gap(0)
        .show_legend()
        .tooltip(
            heatmap_builder.HeatmapTooltip()
            .mode(shared.TooltipDisplayMode.SINGLE)
            .y_histogram(False)
        )
    )
