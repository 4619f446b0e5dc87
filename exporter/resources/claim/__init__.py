"""What the claim of a crawl's volume is. Pure: no I/O, no clock of its own."""

from exporter.resources.claim.model import Claim
from exporter.resources.claim.parsing import parse_json, parse_value

__all__ = ["Claim", "parse_json", "parse_value"]
