"""API servers to talk to, and reflectors that follow them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import Kubeconfig, Source
from exporter.cluster.reflector import Reflector
from exporter.runtime.backoff import Backoff
from exporter.simulator.apiserver import ApiServer
from exporter.simulator.cluster import Cluster
from support.change_recorder import Recorder

Opened = Callable[[Path | Source], Awaitable[ApiClient]]
Follow = Callable[..., tuple[Reflector, Recorder]]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    """A simulated API server whose bookmarks come quickly."""
    async with ApiServer(cluster, bookmark_every=0.05) as server:
        yield server


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open connections that are closed after what uses them has ended."""
    connections: list[ApiClient] = []

    async def open_one(found: Path | Source) -> ApiClient:
        source = Kubeconfig([found], None) if isinstance(found, Path) else found
        connection = ApiClient(source)
        connections.append(connection)
        await connection.refresh_credentials()
        return connection

    yield open_one
    for connection in connections:
        await connection.close()


@pytest.fixture
async def connection(server: ApiServer, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(server.write_kubeconfig(tmp_path / "kubeconfig"))


@pytest.fixture
async def follow(connection: ApiClient) -> AsyncIterator[Follow]:
    """Start a reflector with short delays; it must not fail, whatever the test does."""
    tasks: list[asyncio.Task[None]] = []

    def start(
        scope: str = "crawlers",
        *,
        through: ApiClient | None = None,
        told: Recorder | None = None,
        **more: Any,
    ) -> tuple[Reflector, Recorder]:
        recorder = told or Recorder()
        more.setdefault("backoff", Backoff(first=0.01, most=0.05))
        reflector = Reflector(through or connection, scope, recorder, **more)
        tasks.append(asyncio.create_task(reflector.run()))
        return reflector, recorder

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result
