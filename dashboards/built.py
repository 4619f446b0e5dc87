"""All dashboards, and the JSON that Grafana imports."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import crawl, exporter, fleet, organisations, pods
from dashboards.frame import Dashboard

BOARDS: Final[tuple[Dashboard, ...]] = (
    fleet.BOARD,
    crawl.BOARD,
    organisations.BOARD,
    pods.BOARD,
    exporter.BOARD,
)
FOLDER: Final = Path(__file__).parent / "json"


def built() -> dict[str, str]:
    """The text of each file, by name."""
    return {f"{board.uid}.json": text_of(board) for board in BOARDS}


def text_of(board: Dashboard) -> str:
    """A dashboard as JSON."""
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, ensure_ascii=False) + "\n"
