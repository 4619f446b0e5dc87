"""A client of the simulator as plain as can be: no retries, nothing smoothed over."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from support.waiting import WAIT_TIMEOUT

ROOT = "/apis/btrix.cloud/v1"
NOW = 1_747_828_800.0  # 2025-05-21T12:00:00Z


class WatchStream:
    """The lines of one open watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def line(self) -> bytes:
        """The next line as it came; empty at the end. Raises ClientError where it broke off."""
        async with asyncio.timeout(WAIT_TIMEOUT):
            return await self._response.content.readline()

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event."""
        event = json.loads(await self.line())
        return event["type"], event["object"]

    async def events(self, number: int) -> list[tuple[str, str]]:
        """The next events, as type and name."""
        found = [await self.event() for _ in range(number)]
        return [(kind, value["metadata"].get("name", "")) for kind, value in found]

    async def rest(self) -> tuple[bytes, aiohttp.ClientError | None]:
        """What comes until the end, and how it broke off if it did."""
        found = b""
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                while chunk := await self._response.content.readany():
                    found += chunk
        except aiohttp.ClientError as error:
            return found, error
        return found, None

    async def is_silent(self) -> bool:
        """Whether nothing comes for a while that is long for a machine."""
        try:
            async with asyncio.timeout(0.2):
                await self._response.content.readline()
        except TimeoutError:
            return True
        return False


class Client:
    """One API server's client."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.token = ""

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def ask(
        self, method: str, path: str, body: Any = None, content_type: str = "", **query: Any
    ) -> tuple[int, Any]:
        """One request: status and decoded body (text where it is no JSON)."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        async with self.session.request(
            method,
            self.url + path,
            params={key: str(value) for key, value in query.items()},
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type or kind, **self._headers()},
        ) as response:
            text = await response.text()
            with contextlib.suppress(ValueError):
                return response.status, json.loads(text)
            return response.status, text

    async def list(self, namespace: str = "crawlers", **query: Any) -> tuple[int, Any]:
        """LIST; an empty namespace stands for all."""
        return await self.ask("GET", jobs(namespace), **query)

    @contextlib.asynccontextmanager
    async def watch(self, namespace: str = "crawlers", **query: Any) -> AsyncIterator[WatchStream]:
        """An open watch."""
        async with self.session.get(
            self.url + jobs(namespace),
            params={"watch": "1", **{key: str(value) for key, value in query.items()}},
            headers=self._headers(),
        ) as response:
            assert response.status == 200, await response.text()
            yield WatchStream(response)


def jobs(namespace: str = "crawlers", name: str = "", sub: str = "") -> str:
    """The path of a collection, an object, or its status."""
    scope = f"{ROOT}/namespaces/{namespace}/crawljobs" if namespace else f"{ROOT}/crawljobs"
    return "/".join(filter(None, (scope, name, sub)))


def job(name: str, namespace: str = "crawlers", **labels: str) -> dict[str, Any]:
    """A CrawlJob with little in it."""
    return {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"id": name, "scale": 1},
    }
