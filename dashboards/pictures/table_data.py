"""The rows and columns of a table panel, from its queries' results."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboards.pictures.field_config import overrides
from dashboards.pictures.series import QueryRunner


@dataclass(slots=True)
class TableData:
    """A table's columns, hidden ones left out, and its rows in their order."""

    columns: list["Column"] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)


@dataclass(slots=True)
class Column:
    """One column; ``options`` are its overrides."""

    title: str
    options: dict[str, Any]


def table_data(runner: QueryRunner, panel: Mapping[str, Any]) -> TableData:
    """Run a table's queries and apply its transformations: merge, organize; then sort."""
    frames = [
        {
            tuple(sorted(result["metric"].items())): float(result["values"][0][1])
            for result in runner.run(target, 1, 0)
        }
        for target in panel["targets"]
    ]
    records = list(_merged(frames))
    options = panel["transformations"][-1]["options"]
    shown = sorted(options["indexByName"], key=options["indexByName"].__getitem__)
    table = TableData()
    kept = []
    for name in shown:
        title = options["renameByName"].get(name, name)
        properties = overrides(panel, title)
        if not properties.get("custom.hidden"):
            kept.append(name)
            table.columns.append(Column(title, properties))
    sort = panel["options"].get("sortBy") or []
    if sort:
        titles = {title: name for name, title in options["renameByName"].items()}
        by = titles[sort[0]["displayName"]]
        records.sort(key=lambda record: record.get(by, float("-inf")), reverse=True)
    table.rows = [[record.get(name) for name in kept] for record in records]
    return table


def _merged(frames: list[dict[tuple[tuple[str, str], ...], float]]) -> Iterator[dict[str, Any]]:
    """As Grafana's merge: rows are one where the labels that all queries have are equal."""
    nonempty = [frame for frame in frames if frame]
    names = [{label for key in frame for label, _ in key} for frame in nonempty]
    common = sorted(set.intersection(*names)) if names else []
    found: dict[tuple[str | None, ...], dict[str, Any]] = {}
    for number, frame in enumerate(frames):
        value = "Value" if len(frames) == 1 else f"Value #{chr(ord('A') + number)}"
        for key, amount in frame.items():
            labels = dict(key)
            row = tuple(labels.get(name) for name in common)
            if len(frames) == 1:
                row = tuple(labels.values())
            found.setdefault(row, {}).update(labels | {value: amount})
    yield from found.values()
