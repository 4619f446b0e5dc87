"""A panel's ``fieldConfig`` as JSON: thresholds, overrides, value mappings."""

import re
from collections.abc import Mapping
from typing import Any

from dashboards.pictures.units import format_value
from exporter.web.colours import NOTICE


def thresholds(options: Mapping[str, Any]) -> list[tuple[float, str]]:
    """From which value on which colour, rising; the first is from minus infinity."""
    steps = options.get("thresholds", {}).get("steps", [])
    return [(float("-inf") if s["value"] is None else s["value"], s["color"]) for s in steps]


def colour_at(options: Mapping[str, Any], value: float) -> str:
    """The colour of a value by the thresholds."""
    found = NOTICE
    for level, colour in thresholds(options):
        if value >= level:
            found = colour
    return found


def overrides(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The properties that override a panel's for the field of this name; later ones win."""
    found: dict[str, Any] = {}
    for one in panel["fieldConfig"]["overrides"]:
        kind, wanted = one["matcher"]["id"], one["matcher"]["options"]
        if (kind == "byName" and wanted == name) or (
            kind == "byRegexp" and re.search(wanted.strip("/"), name)
        ):
            found |= {item["id"]: item["value"] for item in one["properties"]}
    return found


def value_text(options: Mapping[str, Any], value: float) -> str:
    """A value as a panel shows it: the text it is mapped to, else the value in its unit."""
    for mapping in options.get("mappings", []):
        text = mapping["options"].get(f"{value:g}", {}).get("text")
        if text is not None:
            return str(text)
    return format_value(value, options.get("unit", "short"), options.get("decimals"))
