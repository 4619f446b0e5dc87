"""A simulator over real HTTP, and its client."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from exporter.simulator import ApiServer, Cluster
from support.api_client import NOW, Client


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(clock=lambda: NOW)


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    async with ApiServer(cluster, bookmark_every=60) as running:
        yield running


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, server.url)
