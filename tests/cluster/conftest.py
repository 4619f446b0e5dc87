"""API servers to talk to, and reflectors that follow them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cluster.apis import Api, Real, Simulated
from cluster.recorder import Recorder
from exporter.cluster.backoff import Backoff
from exporter.cluster.connection import Connection
from exporter.cluster.reflector import Reflector
from exporter.simulator.apiserver import ApiServer
from exporter.simulator.cluster import Cluster

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
async def connection(server: ApiServer, tmp_path: Path) -> AsyncIterator[Connection]:
    connection = await Connection.open(server.write_kubeconfig(tmp_path / "kubeconfig"))
    yield connection
    await connection.close()


@pytest.fixture
async def follow(connection: Connection) -> AsyncIterator[Follow]:
    """Start a reflector with short delays; it must not fail, whatever the test does."""
    tasks: list[asyncio.Task[None]] = []

    def start(
        scope: str = "crawlers", *, through: Connection | None = None, **more: Any
    ) -> tuple[Reflector, Recorder]:
        recorder = Recorder()
        more.setdefault("backoff", Backoff(first=0.01, most=0.05))
        reflector = Reflector(through or connection, scope, recorder, **more)
        tasks.append(asyncio.create_task(reflector.run()))
        return reflector, recorder

    yield start
    for task in tasks:
        assert not task.done(), task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def real_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Real]:
    async with Real.started(tmp_path_factory.mktemp("apiserver")) as real:
        yield real


@pytest.fixture(params=["simulator", "real"])
async def api(request: pytest.FixtureRequest, server: ApiServer) -> AsyncIterator[Api]:
    """An API server with the CRD and no CrawlJobs: the simulator, or a real one."""
    if request.param == "simulator":
        yield Simulated(server)
        return
    if not Real.installed():
        pytest.skip("KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver")
    real: Real = request.getfixturevalue("real_server")
    await real.clear()
    yield real
