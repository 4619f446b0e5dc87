"""How a CrawlJob is read: its rules beside those of all resources (``resources.parsing``)."""

from collections.abc import Iterator
from typing import Any, Final

from exporter.resources.crawljob.model import MOST_PODS, CrawlJob
from exporter.resources.parsing import LenientReader
from exporter.resources.paths import Path

_POD_STATUS: Final[Path] = ("status", "podStatus")


def _refuse_a_crowd(tree: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Far too many pods are one problem, not one each."""
    status = tree.get("status")
    pods = status.get("podStatus") if isinstance(status, dict) else None
    if isinstance(pods, dict) and len(pods) > MOST_PODS:
        yield _POD_STATUS, f"expected at most {MOST_PODS} pods, got {len(pods)}"
        pods.clear()


READER: Final = LenientReader(
    CrawlJob,
    before=_refuse_a_crowd,
    keys={_POD_STATUS: "expected the name of a pod, 1 to 253 characters"},
    unreadable={("status",): {"state": None}},  # which is unknown, where absent is "starting"
)

parse_json: Final = READER.parse_json
parse_value: Final = READER.parse_value
