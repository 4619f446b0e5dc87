"""What tables of polled objects serve, parsed."""

from typing import Any, Protocol

from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.exposition import Table

Served = dict[str, list[tuple[dict[str, str], float]]]


class _Model(Protocol):
    def parse(self, item: Any, /) -> Any: ...


def items(model: _Model, *wires: dict[str, Any]) -> dict[str, Any]:
    """Read items, by id."""
    found = [model.parse(wire)[0] for wire in wires]
    return {one.id: one for one in found}


def text(table: Table, now: float) -> str:
    return b"".join(line for lines in table.lines(now).values() for line in lines).decode()


def served(table: Table, now: float) -> Served:
    """By family's name, each sample's labels and value."""
    found: Served = {}
    for family in text_string_to_metric_families(text(table, now)):
        for sample in family.samples:  # without headers, each is a family
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def values(table: Table, now: float, name: str, *labels: str) -> dict[Any, float]:
    """One family's values by the values of these labels (or of the one)."""
    found = {}
    for own, value in served(table, now).get(name, []):
        key = tuple(own[label] for label in labels)
        found[key if len(labels) > 1 else key[0]] = value
    return found
