"""The dashboards as Grafana would import them, and a Prometheus with history to query."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.backfill import Prometheus, backfilled_prometheus
from dashboards.render import DASHBOARDS, FOLDER
from support.tools import Edition

Dashboard = dict[str, Any]


def _committed() -> list[Dashboard]:
    return [json.loads((FOLDER / f"{one.uid}.json").read_text()) for one in DASHBOARDS]


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
def prometheus(edition: Edition, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that was backfilled with hours of simulated crawls."""
    programs = {name: edition.require(name) for name in ("prometheus", "promtool")}
    with backfilled_prometheus(tmp_path_factory.mktemp("backfill"), **programs) as running:
        yield running
