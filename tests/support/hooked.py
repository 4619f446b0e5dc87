"""An exporter's hooks as metacontroller calls them: over HTTP, with a ledger on disk."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from exporter.cluster.changes import Change
from exporter.crawls import Crawl, CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.metacontroller import (
    Calls,
    FirstRound,
    Hooks,
    HookScope,
    HookSettings,
    HookSource,
    Record,
)
from exporter.settings.address import Address
from exporter.sources import CRAWLJOBS, PODS, VOLUMES
from exporter.web import HookServer
from support.factories import NAMESPACE, crawljob

PERIOD: Final = 60.0


class Seen:
    """What a handler to the right of the join sees."""

    def __init__(self) -> None:
        self.changes: list[Change[Crawl]] = []
        self.synced: list[tuple[str, str]] = []

    def on_change(self, change: Change[Crawl], /) -> None:
        self.changes.append(change)

    def on_synced(self, scope: str, resource_version: str) -> None:
        self.synced.append((scope, resource_version))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        pass


@dataclass
class Response:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Hooked:
    """One life of an exporter's process, as far as hooks go; ``now`` is its clock.

    ``clock`` is the one that may be set, in seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        *,
        finalize: bool = True,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.now = 1000.0
        self.ledger = Ledger.open(path, clock=clock)
        self.seen = Seen()
        self.recorder = HistoryRecorder(self.ledger, [NAMESPACE], clock)
        self.join = CrawlJoin(self.recorder, self.seen)
        self.can_write = True
        record = Record(self._sync_ledger, self.ledger.has_end, self.ledger.leave)
        self.calls = Calls(PERIOD, self.now)
        self.hooks = Hooks(HookSettings(PERIOD, finalize), record, self.calls, lambda: self.now)
        self.jobs, self.pods, self.volumes = (
            HookSource(source.resource, NAMESPACE, self.join.by_source[source.name], source.name)
            for source in (CRAWLJOBS, PODS, VOLUMES)
        )
        known_alive = self.ledger.known_alive(CRAWLJOBS.name, NAMESPACE)
        first_round = FirstRound(self.calls, known_alive, self.now)
        parts = (self.pods, self.volumes)
        self.hooks.follow(HookScope(self.jobs, parts, first_round, self.calls))
        self.server = HookServer(self.hooks, [Address("127.0.0.1", port)], None)
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Below which its hooks are, while it listens."""
        return f"http://{self.server.addresses[0]}"

    async def __aenter__(self) -> Self:
        await self.server.start()
        self._session = aiohttp.ClientSession(self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()
        await self.server.stop()
        self.ledger._file.close()  # as SIGKILL leaves it: nothing more is written

    def after(self, seconds: float) -> None:
        """Let so much time pass, and the rounds be looked at."""
        self.now += seconds
        self.hooks.look(self.now, say=True)

    async def _sync_ledger(self) -> bool:
        return self.can_write and await self.ledger.sync()

    async def send(self, path: str, body: Any, *, method: str = "POST", **kw: Any) -> Response:
        assert self._session is not None
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = io.BytesIO(text)
        headers = {"Content-Type": kw.get("content_type", "application/json")}
        async with self._session.request(method, path, data=data, headers=headers) as response:
            return Response(response.status, await response.text(), dict(response.headers))

    async def heartbeat(self) -> None:
        """A call about the Service that the hook is reached by, which is always there."""
        service = {"kind": "Service", "metadata": {"name": "hook", "namespace": "elsewhere"}}
        assert (await self.send("/sync", decorated(service))).json["resyncAfterSeconds"] == PERIOD

    async def sync(self, job: dict[str, Any], **related: list[dict[str, Any]]) -> Any:
        return (await self.send("/sync", decorated(job, related))).json

    async def finalize(self, job: dict[str, Any]) -> Any:
        return (await self.send("/finalize", decorated(job, finalizing=True))).json


def decorated(
    job: dict[str, Any],
    related: dict[str, list[dict[str, Any]]] | None = None,
    *,
    finalizing: bool = False,
) -> dict[str, Any]:
    """What a DecoratorController sends; ``related`` by kind."""
    return {
        "controller": {"kind": "DecoratorController", "metadata": {"name": "exporter"}},
        "object": job,
        "attachments": {},
        "related": {
            f"{kind}.v1": {one["metadata"]["name"]: one for one in objects}
            for kind, objects in (related or {}).items()
        },
        "finalizing": finalizing,
    }


def job_wire(uid: str, version: int = 100, **parts: Any) -> dict[str, Any]:
    """One crawl's CrawlJob, named by its uid."""
    metadata = {"uid": uid, "resourceVersion": str(version), **parts.pop("metadata", {})}
    return {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        **crawljob(crawl=f"manual-{uid}", metadata=metadata, **parts),
    }


def deleted_wire(uid: str, version: int = 101, **parts: Any) -> dict[str, Any]:
    """The same, deleted and kept by finalizers."""
    deleted = {
        "deletionTimestamp": "2025-05-21T12:05:00Z",
        "finalizers": ["metacontroller.io/decoratorcontroller-exporter"],
        **parts.pop("metadata", {}),
    }
    return job_wire(uid, version, metadata=deleted, **parts)
