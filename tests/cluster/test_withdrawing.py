"""What a reflector vouches for: its content while it is in sync, and for three minutes after."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from exporter.cluster.client import ApiClient, RequestError
from exporter.cluster.reflector import Reflector
from exporter.resources.collindex.resource import COLLINDEX_RESOURCE
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.resources.resource import Resource
from exporter.runtime.backoff import Backoff
from support.change_recorder import PolledRecorder
from support.factories import to_wire
from support.pod_factories import pod_wire
from support.virtual_time import in_virtual_time, now

BOOKMARK = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}}\n'


class Server:
    """Lists one pod, and sends bookmarks; refuses everything while ``error`` is set."""

    def __init__(self) -> None:
        self.error: RequestError | None = None
        self.list_seconds = 0.0
        self.lists = 0
        self._broken = asyncio.Event()

    def fail(self, error: RequestError) -> None:
        self.error = error
        self._broken.set()

    def recover(self) -> None:
        self.error = None
        self._broken.clear()

    @asynccontextmanager
    async def get(self, _: str, query: Mapping[str, str], **__: Any) -> AsyncIterator[Any]:
        if self.error is not None:
            raise self.error
        self.lists += "watch" not in query
        yield self

    async def read(self) -> bytes:
        await asyncio.sleep(self.list_seconds)
        return b'{"metadata":{"resourceVersion":"5"},"items":[%b]}' % to_wire(pod_wire())

    async def read_chunk(self) -> bytes:
        try:
            async with asyncio.timeout(50):
                await self._broken.wait()
        except TimeoutError:
            return BOOKMARK
        raise self.error or RequestError("cut", "over")


@asynccontextmanager
async def following(
    server: Server, resource: Resource[Any] = POD_RESOURCE, **options: Any
) -> AsyncIterator[tuple[Reflector[Any], PolledRecorder[Any]]]:
    recorder = PolledRecorder[Any]()
    options = {"required": False} | options
    reflector = Reflector(
        cast("ApiClient", server),
        resource,
        "crawlers",
        recorder,
        backoff=Backoff(first=1, most=30),
        **options,
    )
    task = asyncio.create_task(reflector.run())
    yield reflector, recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


DOWN = RequestError("unreachable", "nobody there")


@pytest.fixture(autouse=True)
def monotonic(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that nobody sets is the event loop's, which is virtual here."""
    monkeypatch.setattr(time, "monotonic", now)


@in_virtual_time
async def test_a_source_that_fails_for_long_is_withdrawn_once_and_known_again_when_it_is_back() -> (
    None
):
    server = Server()
    async with following(server) as (reflector, recorder):
        await asyncio.sleep(20)
        assert reflector.vouches
        server.fail(DOWN)
        await asyncio.sleep(140)
        assert reflector.vouches, "an API server that restarts takes nothing away"
        await asyncio.sleep(80)
        assert not reflector.vouches
        assert recorder.unknown == ["crawlers"]
        assert reflector.synced
        await asyncio.sleep(600)
        assert recorder.unknown == ["crawlers"]
        syncs = len(recorder.syncs)
        server.recover()
        await asyncio.sleep(100)  # the next try within half a minute, a bookmark 50 s later
        assert reflector.vouches
        assert len(recorder.syncs) == syncs + 1


@in_virtual_time
async def test_while_a_list_takes_long_what_was_known_is_withdrawn_in_time() -> None:
    server = Server()
    async with following(server) as (reflector, recorder):
        await asyncio.sleep(20)
        server.list_seconds = 500.0
        server.fail(RequestError("expired", "too old resource version"))
        await asyncio.sleep(1)
        server.recover()
        await asyncio.sleep(150)
        assert reflector.vouches
        assert server.lists == 2
        await asyncio.sleep(50)
        assert not reflector.vouches
        assert recorder.unknown == ["crawlers"]
        syncs = len(recorder.syncs)
        await asyncio.sleep(400)
        assert reflector.vouches
        assert len(recorder.syncs) == syncs + 1
        assert recorder.unknown == ["crawlers"]


@in_virtual_time
async def test_a_first_list_that_takes_long_withdraws_nothing() -> None:
    server = Server()
    server.list_seconds = 500.0
    async with following(server) as (reflector, recorder):
        await asyncio.sleep(499)
        assert not reflector.vouches
        await asyncio.sleep(10)
        assert reflector.vouches
        assert recorder.unknown == []


@in_virtual_time
async def test_what_is_required_is_never_withdrawn() -> None:
    server = Server()
    async with following(server, required=True) as (reflector, recorder):
        await asyncio.sleep(20)
        server.fail(DOWN)
        await asyncio.sleep(1000)
        assert reflector.vouches
        assert recorder.unknown == []


@in_virtual_time
async def test_a_source_that_was_never_complete_vouches_for_nothing_and_withdraws_nothing() -> None:
    server = Server()
    server.fail(RequestError("forbidden", "403"))
    async with following(server) as (reflector, recorder):
        await asyncio.sleep(1000)
        assert not reflector.vouches
        assert recorder.unknown == []
        assert "RBAC must allow list and watch on pods" in (reflector.last_error or "")


@in_virtual_time
async def test_objects_that_browsertrix_does_not_have_are_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    server.fail(RequestError("not_found", "404"))
    async with following(server, resource=COLLINDEX_RESOURCE, may_be_absent=True) as (one, _):
        await asyncio.sleep(600)
        assert one.absent
        assert not [record for record in caplog.records if record.levelname == "WARNING"]
        server.recover()
        await asyncio.sleep(60)
        assert not one.absent
        assert one.vouches


@in_virtual_time
async def test_a_kind_that_every_cluster_has_is_never_absent() -> None:
    server = Server()
    server.fail(RequestError("not_found", "404"))
    async with following(server) as (reflector, _):
        await asyncio.sleep(60)
        assert not reflector.absent
