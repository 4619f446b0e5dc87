"""Tables: rows of labels and values, each column with its own unit, colours and link.

Every value is a query of its own; Grafana merges those rows whose labels agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import PLAIN, FieldConfig, Query, Steps, override, with_field_config

_ROW: Final = "${__data.fields.%s:percentencode}"
_KEEP: Final = "${__url_time_range}&var-datasource=${datasource}"
_NAMESPACE: Final = f"var-namespace={_ROW % 'namespace'}"


def to_dashboard(uid: str, **variables: str) -> str:
    """The address of a dashboard with variables set from labels of the row clicked."""
    chosen = "".join(f"&var-{name}={_ROW % label}" for name, label in variables.items())
    return f"/d/{uid}?{_KEEP}{chosen}"


TO_CRAWL: Final = (
    "Look at this crawl",
    to_dashboard("browsertrix-crawl", namespace="namespace", crawl="crawl"),
)
TO_ORGANISATION: Final = (
    "Look at this organisation",
    to_dashboard("browsertrix-orgs", namespace="namespace", oid="oid"),
)
TO_PODS: Final = (
    "FieldConfig at the pods of this crawl",
    to_dashboard("browsertrix-pods", namespace="namespace", crawl="crawl"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A column with a label's value."""

    label: str
    title: str = ""
    """Without one the column is there for links alone, and hidden."""
    width: int | None = None
    """Pixels."""
    colours: Mapping[str, str] | None = None
    """By value."""
    link: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A column with the value of an expression."""

    expr: str
    title: str = ""
    """Without one the value is left out: the query is there to bring a label."""
    unit: str = "short"
    width: int | None = None
    decimals: int | None = None
    thresholds: Steps | None = None
    """Where there are some the cell has their colour."""
    bar: float | None = None
    """Draw a bar, full at this value."""
    words: Mapping[str, str] | None = None
    """What to say instead of a number."""


NAMESPACE: Final = Label(label="namespace")
CRAWL: Final = Label(label="crawl", title="Crawl", link=TO_CRAWL)
ORGANISATION: Final = Label(label="oid", title="Organisation", link=TO_ORGANISATION)
HIDDEN_ORGANISATION: Final = Label(label="oid")


def rows(
    title: str,
    description: str,
    *columns: Label | Value,
    sort: str = "",
    look: FieldConfig = PLAIN,
) -> table.Panel:
    """A table; ``sort`` is the title of the column whose largest values come first."""
    values = [column for column in columns if isinstance(column, Value)]
    fields = _field_names(values)
    queries = [Query(expr=value.expr, instant=True, rows=True) for value in values]
    panel = with_field_config(table.Panel(), title, description, queries, look)
    excluded = {"Time": True}
    order: dict[str, int] = {}
    renamed: dict[str, str] = {}
    number = 0
    for column in columns:
        field = column.label if isinstance(column, Label) else fields[number]
        number += isinstance(column, Value)
        if isinstance(column, Value) and not column.title:
            excluded[field] = True
            continue
        order[field] = len(order)
        if column.title:
            renamed[field] = column.title
        panel = panel.override_by_name(column.title or field, _properties(column))
    if len(values) > 1:
        panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": excluded, "indexByName": order, "renameByName": renamed},
        )
    )
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    return panel.show_header(True).cell_height(shared.TableCellHeight.SM).filterable(False)


def _field_names(values: list[Value]) -> list[str]:
    """As Grafana's Prometheus data source calls the value of each query."""
    if len(values) == 1:
        return ["Value"]
    return [f"Value #{chr(ord('A') + number)}" for number in range(len(values))]


def _properties(column: Label | Value) -> list[model.DynamicConfigValue]:
    """What a column has of its own, as Grafana names it."""
    found: dict[str, Any] = {}
    if not column.title:
        found["custom.hidden"] = True
    if column.width is not None:
        found["custom.width"] = column.width
    found |= _of_label(column) if isinstance(column, Label) else _of_value(column)
    return [override(name, value) for name, value in found.items()]


def _of_label(column: Label) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if column.link is not None:
        title, url = column.link
        found["links"] = [{"title": title, "url": url}]
    if column.colours is not None:
        colours = {word: {"color": colour} for word, colour in column.colours.items()}
        found["mappings"] = [{"type": "value", "options": colours}]
        found["custom.cellOptions"] = {"type": "color-text"}
    return found


def _of_value(column: Value) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": column.unit}
    if column.decimals is not None:
        found["decimals"] = column.decimals
    if column.thresholds is not None:
        levels = [{"value": value, "color": colour} for value, colour in column.thresholds]
        found["thresholds"] = {"mode": "absolute", "steps": levels}
        found["color"] = {"mode": "thresholds"}
        found["custom.cellOptions"] = {"type": "color-text"}
    if column.bar is not None:
        found |= {"min": 0, "max": column.bar}
        found["custom.cellOptions"] = {"type": "gauge", "mode": "basic"}
    if column.words is not None:
        words = {number: {"text": text} for number, text in column.words.items()}
        found["mappings"] = [{"type": "value", "options": words}]
    return found
