"""Which labels say whose a series or an alert is: the same wherever one is told."""

from typing import Final

CRAWL_LABELS: Final = ("namespace", "oid", "crawl")
"""Whose it is; on every series of a crawl."""
POD_LABELS: Final = (*CRAWL_LABELS, "pod")
