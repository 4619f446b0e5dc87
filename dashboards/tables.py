"""Tables: columns of labels and values, each with its own unit, colours and link.

Every column of values is a query of its own; Grafana merges rows whose labels are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.table import Panel as TablePanel
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.fields import DEFAULT, FieldConfig, Thresholds, override
from dashboards.panels import Query, base_panel

_ROW: Final = "${__data.fields.%s:percentencode}"
_KEEP: Final = "${__url_time_range}&var-datasource=${datasource}&${cluster:queryparam}"
"""The cluster as selected, not the row's: where there is one alone, rows have no such label."""


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
TO_QUOTAS: Final = (
    "Look at this organisation",
    to_dashboard("browsertrix-orgs", oid="oid"),
)
"""From what Browsertrix itself says, which is of no namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A column with a label's value."""

    label: str
    title: str = ""
    """Empty hides the column: it is there for the links of others."""
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
    """Empty leaves the value out: the query is there for its labels."""
    unit: str = "short"
    width: int | None = None
    decimals: int | None = None
    thresholds: Thresholds | None = None
    """Colour the cell."""
    bar: float | None = None
    """Draw a bar, full at this value."""
    mappings: Mapping[str, str] | None = None
    """Texts instead of numbers, by number."""


CRAWL_COLUMN: Final = Label(label="crawl", title="Crawl", link=TO_CRAWL)
WORKFLOW_COLUMN: Final = Label(label="workflow", title="Workflow", link=TO_CRAWL)
"""Of a crawl; not there where no names are known."""
ORGANISATION_COLUMN: Final = Label(label="organisation", title="Organisation", link=TO_ORGANISATION)
"""Its name or, where that is not known, its id: see ``names``. It needs the hidden id beside it."""
OWNER_COLUMN: Final = replace(ORGANISATION_COLUMN, link=TO_QUOTAS)
"""The same of what is of no namespace."""
HIDDEN_NAMESPACE: Final = Label(label="namespace")
HIDDEN_ORGANISATION: Final = Label(label="oid")
CRAWL_COLUMNS: Final = (WORKFLOW_COLUMN, CRAWL_COLUMN, HIDDEN_NAMESPACE, HIDDEN_ORGANISATION)
"""A crawl, by its workflow's name and its own id."""
OWNED_CRAWL_COLUMNS: Final = (*CRAWL_COLUMNS, ORGANISATION_COLUMN)
"""The same with whose it is."""
POD_COLUMNS: Final = (
    WORKFLOW_COLUMN,
    Label(label="pod", title="Pod", link=TO_CRAWL),
    HIDDEN_NAMESPACE,
    HIDDEN_ORGANISATION,
    Label(label="crawl"),
)
"""A pod that leads to its crawl."""


def table(
    title: str,
    description: str,
    *columns: Label | Value,
    sort: str = "",
    ascending: bool = False,
    config: FieldConfig = DEFAULT,
) -> TablePanel:
    """A row for each set of labels; ``sort`` is a column's title, by default its largest first."""
    values = [column for column in columns if isinstance(column, Value)]
    fields = _field_names(values)
    queries = [
        Query(expr=value.expr, instant=True, format=PromQueryFormat.TABLE) for value in values
    ]
    panel = base_panel(TablePanel(), title, description, queries, config)
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
        panel = panel.sort_by(
            [common.TableSortByFieldState().display_name(sort).desc(not ascending)]
        )
    return panel.show_header(True).cell_height(shared.TableCellHeight.SM).filterable(False)


def _field_names(values: list[Value]) -> list[str]:
    """What Grafana calls the value of each query: by the query's ref, unless it is the only one."""
    if len(values) == 1:
        return ["Value"]
    return [f"Value #{chr(ord('A') + number)}" for number in range(len(values))]


def _properties(column: Label | Value) -> list[model.DynamicConfigValue]:
    """The overrides of a column."""
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
        colours = {value: {"color": colour} for value, colour in column.colours.items()}
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
    if column.mappings is not None:
        texts = {number: {"text": text} for number, text in column.mappings.items()}
        found["mappings"] = [{"type": "value", "options": texts}]
    return found
