"""The kinds of panels used, each with what every panel must have: title, description, thresholds.

A panel here is a builder of the Foundation SDK that lacks only its place, which ``frame`` gives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model

from exporter.web.colours import BAD, GOOD, NOTICE, WARN

DATASOURCE: Final = shared.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = (
    bargauge.Panel
    | heatmap.Panel
    | stat.Panel
    | statetimeline.Panel
    | table.Panel
    | timeseries.Panel
)
_P = TypeVar(
    "_P",
    bargauge.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)

Steps = tuple[tuple[float | None, str], ...]
"""Thresholds: from which value on which colour, rising; the first is from the beginning."""

NEUTRAL: Final[Steps] = ((None, NOTICE),)
"""A figure that is neither good nor bad."""
FILLING: Final[Steps] = ((None, GOOD), (0.8, WARN), (0.95, BAD))
"""A share of what there is: Browsertrix acts on memory at 0.9, and a limit ends a crawl at 1."""
ANY_IS_WORTH_A_LOOK: Final[Steps] = ((None, GOOD), (1, WARN))
ANY_IS_BAD: Final[Steps] = ((None, GOOD), (1, BAD))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """An expression and how its series are called."""

    expr: str
    legend: str = ""
    """A template over labels."""
    instant: bool = False
    """Asked for one moment, the end of the time shown, rather than for all of it."""
    rows: bool = False
    """Answered as rows of a table rather than as series."""
    buckets: bool = False
    """Answered as cumulated buckets: one series for each value of ``le``, with a value always."""

    def target(self, ref: str) -> prometheus.Dataquery:
        """The query as a panel has it; ``ref`` tells it apart."""
        made = prometheus.Dataquery().datasource(DATASOURCE).expr(self.expr).ref_id(ref)
        made = made.instant() if self.instant else made.range()
        if self.rows:
            return made.format(prometheus_model.PromQueryFormat.TABLE)
        made = made.legend_format(self.legend or "__auto")
        if self.buckets:
            return made.format(prometheus_model.PromQueryFormat.HEATMAP)
        return made.format(prometheus_model.PromQueryFormat.TIME_SERIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldConfig:
    """What any panel may say about its values; ``unit`` is one of Grafana's ids."""

    unit: str = "short"
    thresholds: Steps = NEUTRAL
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    no_value: str = ""
    """What to say instead of a value where there is none."""
    words: Mapping[str, str] | None = None
    """What to say instead of a number."""
    colours: Mapping[str, str] | None = None
    """By series name; see ``colours``."""
    link: tuple[str, str] | None = None
    """Title and address of where a click on a value leads."""


PLAIN: Final = FieldConfig()


def fixed(colour: str) -> dict[str, str]:
    """A colour as an override has it."""
    return {"mode": "fixed", "fixedColor": colour}


def override(name: str, value: Any) -> model.DynamicConfigValue:
    """One property of some fields that differs from the panel's."""
    return model.DynamicConfigValue(id_val=name, value=value)


def steps(thresholds: Steps) -> dashboard.ThresholdsConfig:
    """Thresholds as the SDK takes them."""
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in thresholds])
    )


def with_field_config(
    panel: _P, title: str, description: str, queries: Iterable[Query], look: FieldConfig
) -> _P:
    """Give a panel what all have."""
    panel = panel.title(title).description(description).datasource(DATASOURCE)
    panel = panel.unit(look.unit).thresholds(steps(look.thresholds))
    for number, query in enumerate(queries):
        panel = panel.with_target(query.target(chr(ord("A") + number)))
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    if look.low is not None:
        panel = panel.min(look.low)
    if look.high is not None:
        panel = panel.max(look.high)
    if look.no_value:
        panel = panel.no_value(look.no_value)
    if look.words is not None:
        texts = {value: model.ValueMappingResult(text=text) for value, text in look.words.items()}
        panel = panel.mappings([model.ValueMap(options=texts)])
    for name, colour in (look.colours or {}).items():
        panel = panel.override_by_name(name, [override("color", fixed(colour))])
    if look.link is not None:
        name, url = look.link
        panel = panel.data_links([dashboard.DashboardLink(name).url(url)])
    return panel


def number(title: str, description: str, query: Query, look: FieldConfig = PLAIN) -> stat.Panel:
    """One figure, or a few: what is true now, in the colour that says how good it is."""
    return (
        with_field_config(stat.Panel(), title, description, [query], look)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(shared.BigValueColorMode.VALUE)
        .graph_mode(shared.BigValueGraphMode.NONE if query.instant else _AREA)
        .justify_mode(shared.BigValueJustifyMode.CENTER)
    )


_AREA: Final = shared.BigValueGraphMode.AREA


def word(title: str, description: str, query: Query, look: FieldConfig = PLAIN) -> stat.Panel:
    """The name of a series rather than its value: a state, a reason, a version."""
    return (
        number(title, description, query, look)
        .text_mode(shared.BigValueTextMode.NAME)
        .graph_mode(shared.BigValueGraphMode.NONE)
    )


def lines(  # noqa: PLR0913 - each way of drawing by its name
    title: str,
    description: str,
    *queries: Query,
    look: FieldConfig = PLAIN,
    stacked: bool = False,
    bars: bool = False,
    limits: str = "",
    every: str = "",
    show_limits: bool = False,
) -> timeseries.Panel:
    """Values over time; ``stacked`` where their sum means something, ``bars`` for counts.

    Series whose name matches ``limits`` are what others are held against: dashed and unfilled.
    ``every`` is the shortest time between two points, ``show_limits`` draws the thresholds.
    """
    panel = (
        with_field_config(timeseries.Panel(), title, description, queries, look)
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
    if every:
        panel = panel.interval(every)
    if limits:
        panel = panel.override_by_regexp(
            f"/{limits}/",
            [
                override("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
                override("custom.fillOpacity", 0),
                override("custom.stacking", {"mode": "none", "group": "A"}),
            ],
        )
    if show_limits:
        panel = panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def bars(title: str, description: str, query: Query, look: FieldConfig = PLAIN) -> bargauge.Panel:
    """Amounts beside each other, one horizontal bar for each series."""
    return (
        with_field_config(bargauge.Panel(), title, description, [query], look)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(shared.VizOrientation.HORIZONTAL)
        .display_mode(shared.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
    )


def timeline(
    title: str, description: str, *queries: Query, look: FieldConfig = PLAIN
) -> statetimeline.Panel:
    """When something was so: one row for each series, a bar for as long as there is a value."""
    return (
        with_field_config(statetimeline.Panel(), title, description, queries, look)
        .show_value(shared.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(85)
        .legend(common.VizLegendOptions().show_legend(False))
    )


def shades(title: str, description: str, query: Query, look: FieldConfig = PLAIN) -> heatmap.Panel:
    """How many of a fleet are where, over time: a row for each of the query's buckets."""
    return (
        with_field_config(heatmap.Panel(), title, description, [query], look)
        .calculate(False)
        .rows_frame(heatmap.RowsHeatmapOptions().layout(shared.HeatmapCellLayout.LE).value("pods"))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme("Spectral")
            .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
            .reverse(True)
        )
        .y_axis(heatmap.YAxisConfig().unit(look.unit).axis_placement(shared.AxisPlacement.LEFT))
        .cell_gap(0)
        .show_legend()
        .tooltip(heatmap.HeatmapTooltip().mode(shared.TooltipDisplayMode.SINGLE).y_histogram(False))
    )
