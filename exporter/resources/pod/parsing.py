"""How a pod is read: by the rules of all resources (``resources.parsing``)."""

from typing import Final

from exporter.resources.parsing import LenientReader
from exporter.resources.pod.model import Pod

READER: Final = LenientReader(Pod)

parse_json: Final = READER.parse_json
parse_value: Final = READER.parse_value
