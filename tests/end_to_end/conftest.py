"""A simulated cluster, and exporters that run on it as processes of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.simulator import ApiServer, Cluster
from support.exporter_process import Start, exporters


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start exporters on a kubeconfig; each ends by SIGTERM, with status 0, at the end."""
    async with exporters(tmp_path) as start:
        yield start


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    async with ApiServer(cluster, bookmark_every=0.2) as server:
        yield server
