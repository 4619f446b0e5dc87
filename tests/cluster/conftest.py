"""API servers to talk to, and reflectors that follow them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster import credentials, oidc
from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import CredentialSource, Kubeconfig
from exporter.cluster.poller import Poller
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from exporter.runtime.backoff import Backoff
from exporter.simulator import ApiServer, Cluster
from support.certificates import certificate
from support.change_recorder import PolledRecorder, Recorder
from support.following import INTERVAL, Follow, Opened, Poll, Polled, Run
from support.listing_server import ListingServer
from support.oidc_issuer import OidcIssuer, jwt
from support.oidc_user import NOW, REFRESH, SECRET, TokenClock, User


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    """A simulated API server whose bookmarks come quickly."""
    async with ApiServer(cluster, bookmark_every=0.05) as server:
        yield server


@pytest.fixture
async def tls_server(cluster: Cluster, tmp_path: Path) -> AsyncIterator[ApiServer]:
    cert, key = certificate(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    async with ApiServer(cluster, ssl_context=context, tokens={"one"}) as server:
        yield server


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open connections that are closed after what uses them has ended."""
    connections: list[ApiClient] = []

    async def open_one(found: Path | CredentialSource) -> ApiClient:
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
async def run() -> AsyncIterator[Run]:
    """Start reflectors; none may fail, whatever the test does."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda reflector: tasks.append(asyncio.create_task(reflector.run()))
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result


@pytest.fixture
def follow(connection: ApiClient, run: Run) -> Follow:
    """Follow CrawlJobs with short delays."""

    def start(
        scope: str = "crawlers",
        *,
        through: ApiClient | None = None,
        recorder: Recorder | None = None,
        **more: Any,
    ) -> tuple[Reflector[CrawlJob], Recorder]:
        recorder = recorder or Recorder()
        more.setdefault("backoff", Backoff(first=0.01, most=0.05))
        reflector = Reflector(through or connection, CRAWLJOB_RESOURCE, scope, recorder, **more)
        run(reflector)
        return reflector, recorder

    return start


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> TokenClock:
    found = TokenClock()
    monkeypatch.setattr(oidc, "time", found)
    monkeypatch.setattr(credentials, "time", found)
    return found


@pytest.fixture(scope="session")
def vouchers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With issuer.crt, which vouches for the issuer, and other.crt, which does not."""
    found = tmp_path_factory.mktemp("certificates")
    for name in ("issuer", "other"):
        certificate(found, name)
    return found


@pytest.fixture
async def issuer(vouchers: Path) -> AsyncIterator[OidcIssuer]:
    async with OidcIssuer.running(vouchers / "issuer.crt", vouchers / "issuer.key") as issuer:
        yield issuer


@pytest.fixture
def user(tmp_path: Path, issuer: OidcIssuer, vouchers: Path) -> User:
    """Whose token has expired."""
    return User(
        tmp_path / "kubeconfig",
        {
            "client-id": "kubernetes:x",
            "client-secret": SECRET,
            "id-token": jwt(exp=NOW - 5),
            "idp-issuer-url": issuer.url,
            "idp-certificate-authority": str(vouchers / "issuer.crt"),
            "refresh-token": REFRESH,
        },
    )


@pytest.fixture
async def listing() -> AsyncIterator[ListingServer]:
    async with ListingServer.started() as server:
        yield server


@pytest.fixture
async def listing_client(listing: ListingServer, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(listing.kubeconfig(tmp_path / "kubeconfig"))


@pytest.fixture
async def poll(listing_client: ApiClient) -> AsyncIterator[Poll]:
    """Start pollers that begin at once; none may fail, whatever the test does."""
    tasks: list[asyncio.Task[None]] = []

    def start(scope: str = "crawlers", **more: Any) -> Polled:
        recorder = PolledRecorder[PodMetrics]()
        more.setdefault("interval", INTERVAL)
        more.setdefault("rng", lambda least, _: least)
        poller = Poller(listing_client, PODMETRICS_RESOURCE, scope, recorder, **more)
        tasks.append(asyncio.create_task(poller.run()))
        return poller, recorder

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result
