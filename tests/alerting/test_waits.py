"""When alerts are sent again, given up and freed: to the second, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast

import aiohttp
import pytest

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.notifier import Notifier, NotifierSettings
from exporter.alerting.send_loop import SendLoop
from exporter.runtime.http_errors import RequestError
from exporter.runtime.proxies import ProxyConfig
from exporter.runtime.tasks import SupervisedTasks
from support.active_alerts import ended
from support.crawl_history import Watch
from support.virtual_time import in_virtual_time, now


class FakeClient:
    """Notes what is posted, and when; fails while ``error`` is set."""

    endpoint = Endpoint.of("http://alertmanager")

    def __init__(self) -> None:
        self.posts: list[tuple[float, int]] = []
        self.error: RequestError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    async def post(self, alerts: Sequence[Any]) -> None:
        self.posts.append((round(now(), 3), len(alerts)))
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def sending(watch: Watch, client: FakeClient) -> AsyncIterator[SendLoop]:
    watch.synced()
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    send_loop = SendLoop(cast("AlertmanagerClient", client), alerts, cast("Any", id))
    task = asyncio.create_task(send_loop.run())
    yield send_loop
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_an_alert_is_sent_at_once_and_again_every_minute() -> None:
    watch, client = Watch(), FakeClient()
    async with sending(watch, client):
        await asyncio.sleep(10)
        watch.change(1001, status=ended(0))
        await asyncio.sleep(125)
    assert client.posts == [(0, 0), (10, 1), (70, 1), (130, 1)]


@in_virtual_time
async def test_with_no_alert_each_alertmanager_gets_an_empty_request_every_minute() -> None:
    client = FakeClient()
    async with sending(Watch(), client):
        await asyncio.sleep(125)
    assert client.posts == [(0, 0), (60, 0), (120, 0)]


@in_virtual_time
async def test_a_request_has_sixty_four_alerts_at_most() -> None:
    watch, client = Watch(), FakeClient()
    async with sending(watch, client):
        await asyncio.sleep(1)
        for number in range(130):
            watch.change(1001 + number, crawl=f"c{number}", status=ended(0))
        await asyncio.sleep(70)
    assert client.posts == [(0, 0), *[(1, 64), (1, 64), (1, 2)], *[(61, 64), (61, 64), (61, 2)]]


@in_virtual_time
async def test_a_failure_is_followed_by_a_wait_and_by_two_minutes_of_any_retry_after() -> None:
    client = FakeClient()
    client.error = RequestError("too_many_requests", "slow down", retry_after=3600.0)
    async with sending(Watch(), client) as send_loop:
        await asyncio.sleep(125)
        assert [at for at, _ in client.posts] == [0, 120], "two minutes of an hour are waited"
        client.error = RequestError("unreachable", "nobody there")
        await asyncio.sleep(200)
        client.error = None
        waits = [
            second[0] - first[0]
            for first, second in zip(client.posts[2:], client.posts[3:], strict=False)
        ]
        assert all(1.6 <= wait <= 30 for wait in waits)
        await asyncio.sleep(31)
        assert not send_loop.failing


@in_virtual_time
async def test_a_drain_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, client = Watch(), FakeClient()
    stuck = asyncio.Event()

    async def post(_: Sequence[Any]) -> None:
        await stuck.wait()

    monkeypatch.setattr(client, "post", post)
    async with sending(watch, client) as send_loop:
        await asyncio.sleep(1)
        await send_loop.drain(2.5)
        assert now() == 3.5


@in_virtual_time
async def test_a_drain_ends_as_soon_as_all_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, client = Watch(), FakeClient()

    async def post(_: Sequence[Any]) -> None:
        await asyncio.sleep(0.5)

    monkeypatch.setattr(client, "post", post)
    async with sending(watch, client) as send_loop:
        await asyncio.sleep(10)
        for number in range(100):
            watch.change(1001 + number, crawl=f"c{number}", status=ended(0))
        await send_loop.drain(5)
        assert now() == 11.0
        assert send_loop.pending == 0
        await send_loop.drain(5)
        assert now() == 11.0, "there was nothing left"


# -- the notifier


@pytest.fixture
def notifier() -> Notifier:
    return Notifier(NotifierSettings(urls=("http://one", "http://two")), Watch().ledger)


@in_virtual_time
async def test_a_shutdown_waits_two_seconds_for_alertmanagers_that_hang(notifier: Notifier) -> None:
    await notifier.drain()
    assert now() == 2.0


@in_virtual_time
async def test_alerts_that_are_over_are_freed_every_fifteen_seconds(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[float] = []
    monkeypatch.setattr(notifier._alerts, "expire", lambda: times.append(now()))
    tasks = SupervisedTasks()
    notifier.start(tasks)
    await asyncio.sleep(50)
    await tasks.cancel()
    assert times == [0, 15, 30, 45]


# -- one request


@in_virtual_time
async def test_a_request_may_take_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(1e6)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", hang)
    endpoint, credentials = Endpoint.of("http://one"), Credentials(HTTPClientConfig())
    async with AlertmanagerClient(endpoint, credentials, ProxyConfig.from_environment()) as client:
        with pytest.raises(RequestError, match=r"^no answer within 10 s$"):
            await client.post([])
    assert now() == pytest.approx(10.0, abs=0.001)
