"""All dashboards as the JSON files that Grafana imports."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import crawl, ended, exporter, fleet, organisations, pods, workflows
from dashboards.dashboard import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    fleet.DASHBOARD,
    ended.DASHBOARD,
    crawl.DASHBOARD,
    organisations.DASHBOARD,
    workflows.DASHBOARD,
    pods.DASHBOARD,
    exporter.DASHBOARD,
)
FOLDER: Final = Path(__file__).parent / "json"


def files() -> dict[str, str]:
    """The text of each file that belongs into ``FOLDER``, by name."""
    return {f"{dashboard.uid}.json": to_json(dashboard) for dashboard in DASHBOARDS}


def to_json(dashboard: Dashboard) -> str:
    """A dashboard as it is committed; the same declaration always gives the same text."""
    return json.dumps(dashboard.build(), cls=JSONEncoder, indent=1, ensure_ascii=False) + "\n"
