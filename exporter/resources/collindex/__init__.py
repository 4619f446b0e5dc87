"""What the dedupe index of a collection is. Pure: no I/O, no clock of its own."""

from exporter.resources.collindex.model import CollIndex
from exporter.resources.collindex.parsing import parse_json, parse_value

__all__ = ["CollIndex", "parse_json", "parse_value"]
