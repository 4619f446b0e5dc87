"""How a claim is read: by the rules of all resources (``resources.parsing``)."""

from typing import Final

from exporter.resources.claim.model import Claim
from exporter.resources.parsing import LenientReader

READER: Final = LenientReader(Claim)

parse_json: Final = READER.parse_json
parse_value: Final = READER.parse_value
