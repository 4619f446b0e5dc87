"""How a CollIndex is read: by the rules of all resources (``resources.parsing``)."""

from typing import Final

from exporter.resources.collindex.model import CollIndex
from exporter.resources.parsing import LenientReader

READER: Final = LenientReader(CollIndex)

parse_json: Final = READER.parse_json
parse_value: Final = READER.parse_value
