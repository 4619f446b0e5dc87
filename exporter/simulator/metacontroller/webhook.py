"""Calls of a hook over HTTP, and the faults that a test orders of them."""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.storage import Key
from exporter.simulator.metacontroller.spec import HookName, Spec


class HookError(Exception):
    """A hook that was not reached, took too long, or gave no answer to go by."""


class TooManyRequestsError(HookError):
    """A hook that answered 429."""

    def __init__(self, after: float) -> None:
        """``after`` so many seconds it may be asked again."""
        super().__init__(f"too many requests; again after {after:g} s")
        self.after = after


@dataclass(slots=True)
class HookFaults:
    """What shall go wrong between metacontroller and the hook."""

    unreachable: bool = False
    """Every call fails, and nothing is sent."""
    delay: float = 0.0
    """Seconds before a request reaches the hook, of those that a call may take."""
    duplicates: int = 0
    """How many of the next syncs are sent twice, at the same time."""
    overtaken: int = 0
    """How many of the next syncs are sent once more when the next one of that object was answered:
    a request that was given up, and reaches the hook late."""
    late: dict[Key, tuple[HookName, bytes]] = field(default_factory=dict)
    """Those of them that are still under way."""


class Webhook:
    """The hooks of one DecoratorController."""

    def __init__(self, spec: Spec, faults: HookFaults, session: aiohttp.ClientSession) -> None:
        self._spec = spec
        self._faults = faults
        self._session = session
        self.calls: Counter[HookName] = Counter()
        """Requests that were sent, of each hook."""

    async def call(self, hook: HookName, key: Key, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a hook about the object of that key; raises HookError."""
        body = serialise(request)
        faults = self._faults
        if hook == "customize":
            return await self._send(hook, body)
        late = faults.late.pop(key, None)
        if faults.overtaken and late is None:
            faults.overtaken -= 1
            faults.late[key] = hook, body
        if faults.duplicates:
            faults.duplicates -= 1
            answer, _ = await asyncio.gather(self._send(hook, body), self._send(hook, body))
        else:
            answer = await self._send(hook, body)
        if late is not None:
            with contextlib.suppress(HookError):  # nobody waits for its answer any more
                await self._send(*late)
        return answer

    async def call_about(self, service: dict[str, Any]) -> None:
        """Sync an object that is no CrawlJob; raises HookError."""
        request = {"controller": {}, "object": service, "attachments": {}, "related": {}}
        await self._send("sync", serialise({**request, "finalizing": False}))

    async def _send(self, hook: HookName, body: bytes) -> dict[str, Any]:
        if self._faults.unreachable:
            raise HookError(f"{self._spec.url(hook)}: connection refused")
        try:
            async with asyncio.timeout(self._spec.timeout):
                await asyncio.sleep(self._faults.delay)
                self.calls[hook] += 1
                async with self._session.post(
                    self._spec.url(hook), data=body, headers={"Content-Type": "application/json"}
                ) as response:
                    text = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise HookError(f"{self._spec.url(hook)}: {type(error).__name__} {error}") from error
        if response.status == 429:
            after = response.headers.get("Retry-After", "")
            raise TooManyRequestsError(float(after) if after.isdigit() else 0.0)
        if response.status != 200:
            raise HookError(f"{self._spec.url(hook)}: unsupported status code {response.status}")
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise HookError(f"{self._spec.url(hook)}: no JSON: {error}") from error
        if not isinstance(answer, dict):
            raise HookError(f"{self._spec.url(hook)}: no object")
        return answer
