"""The dashboards as Grafana would import them, and a Prometheus with history to query."""

import fcntl
import json
import pickle
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.backfill import Prometheus, backfill
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
def prometheus(
    edition: Edition, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Prometheus]:
    """One on hours of simulated crawls, which the first worker that needs them backfills."""
    programs = {name: edition.require(name) for name in ("prometheus", "promtool")}
    folder = tmp_path_factory.mktemp("backfill")
    run = folder.parent.parent if hasattr(pytestconfig, "workerinput") else folder.parent
    made = run / f"backfill-{edition}.pickle"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_bytes(pickle.dumps((folder, backfill(folder, **programs))))
    written, found = pickle.loads(made.read_bytes())  # noqa: S301 - ours
    own = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(written, own, dirs_exist_ok=True)
    with found.serving(own, prometheus=programs["prometheus"]) as running:
        yield running
