"""The schemas that kubeconform reads, made of what an API server publishes (``/openapi/v2``)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

TEMPLATE: Final = "{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json"
"""How a schema's file is called, as kubeconform's ``-schema-location`` has it."""
_REF: Final = "#/definitions/"
_INT_OR_STRING: Final = {"type": ["integer", "string"]}
_QUANTITY: Final = {"type": ["number", "string"]}
"""``cpu: 1`` is one core; OpenAPI says text alone."""


def write_schemas(openapi: Mapping[str, Any], folder: Path) -> str:
    """Write one for each kind there is; returns the schema location for kubeconform."""
    definitions = {
        name: _strict(name, definition) for name, definition in openapi["definitions"].items()
    }
    for name, definition in openapi["definitions"].items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"] or kind["version"]  # as kubeconform has it for Kubernetes' core
            file = f"{kind['kind'].lower()}_{group}_{kind['version']}.json"
            reached = {one: definitions[one] for one in _reachable(name, definitions)}
            schema = {"$ref": f"{_REF}{name}", "definitions": reached}
            (folder / file).write_text(json.dumps(schema), encoding="utf-8")
    return f"{folder}/{TEMPLATE}"


def _strict(name: str, definition: Any) -> Any:
    """Without fields that there are not, as the API server refuses them."""
    if name.endswith(".api.resource.Quantity"):
        return _QUANTITY
    return _closed(definition)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return _INT_OR_STRING
    closed = {key: _closed(value) for key, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not is_open:
        closed.setdefault("additionalProperties", False)
    return closed


def _reachable(name: str, definitions: Mapping[str, Any]) -> set[str]:
    found, due = {name}, [name]
    while due:
        for other in _referred(definitions[due.pop()]):
            if other not in found:
                found.add(other)
                due.append(other)
    return found


def _referred(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(_REF)
        for value in schema.values():
            yield from _referred(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _referred(value)
