"""How a panel shows its values, Grafana's ``fieldConfig``: unit, range, thresholds, colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import dashboard as model

from exporter.web.colours import BAD, GOOD, NOTICE, WARN

_P = TypeVar(
    "_P",
    bargauge.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)

Thresholds = tuple[tuple[float | None, str], ...]
"""From which value on which colour, rising; the first, None, is from minus infinity."""

NEUTRAL: Final[Thresholds] = ((None, NOTICE),)
"""A figure that is neither good nor bad."""
USAGE: Final[Thresholds] = ((None, GOOD), (0.8, WARN), (0.95, BAD))
"""A share of what there is: Browsertrix acts on memory at 0.9, and a limit ends a crawl at 1."""
WARN_FROM_ONE: Final[Thresholds] = ((None, GOOD), (1, WARN))
BAD_FROM_ONE: Final[Thresholds] = ((None, GOOD), (1, BAD))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldConfig:
    """The options of a panel's values; ``unit`` is the id of one of Grafana's units."""

    unit: str = "short"
    thresholds: Thresholds = NEUTRAL
    decimals: int | None = None
    min: float | None = None
    max: float | None = None
    no_value: str = ""
    """The text where there is no value; empty is Grafana's "No data"."""
    mappings: Mapping[str, str] | None = None
    """Texts instead of numbers, by number."""
    colours: Mapping[str, str] | None = None
    """By series name; see ``exporter.web.colours``."""


DEFAULT: Final = FieldConfig()


def override(name: str, value: Any) -> model.DynamicConfigValue:
    """One property of some fields that differs from the panel's; named as in Grafana's JSON."""
    return model.DynamicConfigValue(id_val=name, value=value)


def with_field_config(panel: _P, config: FieldConfig) -> _P:
    """Set the options, and an override for each series that has a colour of its own."""
    panel = panel.unit(config.unit).thresholds(
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in config.thresholds])
    )
    if config.decimals is not None:
        panel = panel.decimals(config.decimals)
    if config.min is not None:
        panel = panel.min(config.min)
    if config.max is not None:
        panel = panel.max(config.max)
    if config.no_value:
        panel = panel.no_value(config.no_value)
    if config.mappings is not None:
        texts = {
            value: model.ValueMappingResult(text=text) for value, text in config.mappings.items()
        }
        panel = panel.mappings([model.ValueMap(options=texts)])
    for name, colour in (config.colours or {}).items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_name(name, [override("color", fixed)])
    return panel
