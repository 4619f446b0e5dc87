"""The dashboards as Grafana would import them, and a Prometheus to ask everything of."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.backfill import Prometheus, stage
from dashboards.built import BOARDS, FOLDER
from support.tools import require_tool

Dashboard = dict[str, Any]


def _committed() -> list[Dashboard]:
    return [json.loads((FOLDER / f"{board.uid}.json").read_text()) for board in BOARDS]


@pytest.fixture(params=_committed(), ids=lambda dashboard: dashboard["uid"])
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    """Each dashboard, from its committed file."""
    found: Dashboard = request.param
    return found


@pytest.fixture(scope="session")
def dashboards() -> dict[str, Dashboard]:
    """All of them, by uid."""
    return {one["uid"]: one for one in _committed()}


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has scraped hours of simulated lives."""
    programs = {name: require_tool(name) for name in ("prometheus", "promtool")}
    with stage(tmp_path_factory.mktemp("rehearsal"), **programs) as running:
        yield running
