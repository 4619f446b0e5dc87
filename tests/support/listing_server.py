"""An API server that answers one list as a test says, over real HTTP: for what is only polled."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from support.kubeconfigs import config, write
from support.pod_metrics import moving, pod_metrics_list

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusal(
    code: int, message: str = "ordered by a test", *, body: str | None = None, **headers: str
) -> web.Response:
    """A Status as the API server gives it, or a ``body`` that is none."""
    status = {"kind": "Status", "code": code, "reason": "Ordered", "message": message}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(status) if body is None else body
    kind = "application/json" if body is None else "text/plain"
    return web.Response(status=code, text=text, content_type=kind, headers=named)


class ListingServer:
    """Serves ``items`` as PodMetricsList, or whatever ``answer`` gives instead."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.answer: Answer | None = None
        self.requests: list[web.Request] = []
        self.times: list[float] = []
        """When each request came, by a clock that nobody sets."""
        self.url = ""

    def refuse(self, code: int, **more: Any) -> None:
        """Answer with a status from now on."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return refusal(code, **more)

        self.answer = answer

    def send(self, body: bytes) -> None:
        """Answer with these bytes from now on."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=body, content_type="application/json")

        self.answer = answer

    def keep_moving(self, *names: str) -> None:
        """Answer with these pods from now on, measured anew each time."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(pod_metrics_list(*map(moving, names)))

        self.answer = answer

    def recover(self) -> None:
        """Answer with ``items`` again."""
        self.answer = None

    @property
    def gaps(self) -> list[float]:
        """Seconds between each request and the one before."""
        return [after - before for before, after in pairwise(self.times)]

    def kubeconfig(self, path: Path) -> Path:
        return write(path, config(cluster={"server": self.url}))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.times.append(time.monotonic())
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response(pod_metrics_list(*self.items))

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Listen until the end of the block."""
        server = cls()
        app = web.Application()
        app.router.add_get("/{path:.*}", server._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield server
        finally:
            await runner.cleanup()
