"""A DecoratorController at work: every change of a CrawlJob becomes a call of its hook.

It tells states, not happenings: of several changes between two syncs the hook sees the last one,
and of an object that is gone, nothing; unless a finalizer holds it until the hook lets go.
"""

import asyncio
import contextlib
from typing import Any, Self

import aiohttp

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.apiserver.storage import Key
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.metacontroller.customize import Customize
from exporter.simulator.metacontroller.heartbeat import heartbeat
from exporter.simulator.metacontroller.spec import Spec
from exporter.simulator.metacontroller.webhook import (
    HookError,
    HookFaults,
    TooManyRequestsError,
    Webhook,
)
from exporter.simulator.metacontroller.work_queue import WorkQueue

_MANAGER = "metacontroller"


class DecoratorController:
    """Runs from ``start`` to ``stop``, or in a block.

    Started again it begins like a new process: every object is synced.
    """

    def __init__(self, cluster: Cluster, spec: Spec) -> None:
        self.spec = spec
        self.faults = HookFaults()
        self.failures = 0
        """Syncs that failed, since the beginning."""
        self._cluster = cluster
        self._version = -1
        """Up to which every write was followed."""
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self) -> None:
        """Sync all that is there, then what changes."""
        self._version = -1
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._queue = WorkQueue(self.spec.longest_backoff)
        self._webhook = Webhook(self.spec, self.faults, self._session)
        self._customize = Customize(self._cluster, self.spec, self._webhook)
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._resync())]
        self._tasks += [asyncio.create_task(self._work()) for _ in range(self.spec.workers)]
        if self.spec.heartbeat:
            self._tasks.append(asyncio.create_task(heartbeat(self.spec, self._webhook)))

    async def stop(self) -> None:
        """End at once, as a process that is killed: calls under way are broken off."""
        self._queue.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def calls(self) -> int:
        """Syncs and finalizes that were sent since the start."""
        return self._webhook.calls["sync"] + self._webhook.calls["finalize"]

    @property
    def is_idle(self) -> bool:
        """Whether everything that was written until now was synced.

        What failed, and what the hook wants again later, waits for its time.
        """
        return self._version == self._cluster.resource_version and self._queue.is_idle

    # What there is to do

    def _add_all(self) -> None:
        for stored in self._cluster.snapshot(CRAWLJOBS).objects:
            self._queue.add(stored.key)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.spec.resync_period)
            self._add_all()

    async def _follow(self) -> None:
        woken = asyncio.Event()
        unsubscribe = self._cluster.subscribe(woken.set)
        try:
            self._version = self._cluster.resource_version
            self._add_all()
            while True:
                woken.clear()
                self._version = self._add_since(self._version)
                await woken.wait()
        finally:
            unsubscribe()

    def _add_since(self, version: int) -> int:
        """Add what changed after a version; returns the version up to which that is all."""
        until = self._cluster.resource_version
        try:
            while events := self._cluster.since(version):
                for event in events:
                    if event.after.resource is CRAWLJOBS:
                        self._queue.add(event.after.key)
                    else:
                        for key in self._customize.parents(event.after):
                            self._queue.add(key)
                version = events[-1].version
        except ApiError:  # compacted: it lists again
            self._add_all()
        return max(version, until)

    # Doing it

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._sync(key)
            except TooManyRequestsError as error:
                self._queue.add_after(key, error.after)
            except (HookError, ApiError):
                self.failures += 1
                self._queue.add_rate_limited(key)
            else:
                self._queue.forget(key)
            finally:
                self._queue.done(key)

    async def _sync(self, key: Key) -> None:
        if not self._cluster.exists(*key):
            self._customize.forget(key)
            return  # there is no hook for what is gone
        parent = self._with_finalizer(key)
        related = await self._customize.related(parent)
        finalizing = self.spec.finalize and "deletionTimestamp" in parent["metadata"]
        answer = await self._webhook.call(
            "finalize" if finalizing else "sync",
            key,
            {
                "controller": self.spec.manifest(),
                "object": parent,
                "attachments": {},
                "related": related,
                "finalizing": finalizing,
            },
        )
        if (after := float(answer.get("resyncAfterSeconds") or 0)) > 0:
            self._queue.add_after(key, after)
        self._apply(key, parent, answer)

    def _with_finalizer(self, key: Key) -> Object:
        """Put the finalizer on, or take off what a hook of earlier days left: before any call."""
        parent = self._cluster.get(*key)
        finalizers = parent["metadata"].get("finalizers") or []
        if (self.spec.finalizer in finalizers) == self.spec.finalize:
            return parent
        if not self.spec.finalize:
            return self._write(key, {"finalizers": self._without_ours(finalizers)})
        if "deletionTimestamp" in parent["metadata"]:
            return parent
        return self._write(key, {"finalizers": [*finalizers, self.spec.finalizer]})

    def _apply(self, key: Key, parent: Object, answer: dict[str, Any]) -> None:
        """Do what the hook wants done; where the object changed meanwhile, a sync follows anyway.

        Raises HookError for attachments, of which the simulator makes none.
        """
        if answer.get("attachments"):
            raise HookError("the simulator makes no attachments")
        finalizers = parent["metadata"].get("finalizers") or []
        metadata: dict[str, Any] = {
            name: answer[name] for name in ("labels", "annotations") if answer.get(name)
        }
        if answer.get("finalized") and self.spec.finalizer in finalizers:
            metadata["finalizers"] = self._without_ours(finalizers)
        version = parent["metadata"]["resourceVersion"]
        status = answer.get("status")
        with contextlib.suppress(ApiError):  # gone, or changed since
            if status is not None and status != parent.get("status", {}):
                written = self._cluster.replace(
                    {**parent, "status": status}, status=True, manager=_MANAGER
                )
                version = written["metadata"]["resourceVersion"]
            if metadata:
                self._write(key, {**metadata, "resourceVersion": version})

    def _without_ours(self, finalizers: list[str]) -> list[str]:
        return [name for name in finalizers if name != self.spec.finalizer]

    def _write(self, key: Key, metadata: dict[str, Any]) -> Object:
        return self._cluster.patch(*key, {"metadata": metadata}, manager=_MANAGER)
