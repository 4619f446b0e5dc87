"""A fake Alertmanager: it keeps the alerts it is sent, and answers with the status a test sets."""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass
class Receiver:
    """Serves on 127.0.0.1; stopped and started again it keeps its port."""

    tls: ssl.SSLContext | None = None
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    refuses: Callable[[dict[str, Any]], bool] = lambda _: False
    """Which alerts it answers 400 to, as Alertmanager does; it takes the others all the same."""
    hangs: bool = False
    posts: list[list[dict[str, Any]]] = field(default_factory=list)
    """Each request that was not hung up on, with its alerts."""
    seen: list[web.Request] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """All alerts it accepted."""
        return [alert for post in self.posts for alert in post if not self.refuses(alert)]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        alerts = json.loads(await request.read())
        if self.hangs:
            await asyncio.Event().wait()
        if self.status == 200:
            self.posts.append(alerts)
            if any(self.refuses(alert) for alert in alerts):
                return web.json_response("invalid label set", status=400)
        return web.Response(status=self.status, text=self.body, headers=self.headers)
