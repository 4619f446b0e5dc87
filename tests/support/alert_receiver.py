"""A fake Alertmanager: it keeps the alerts it is sent, and answers with the status a test sets."""

import asyncio
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from aiohttp import web


@dataclass
class Receiver:
    """Serves on 127.0.0.1, or another address; stopped and started again it keeps its port."""

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    refuses: Callable[[dict[str, Any]], bool] = lambda _: False
    """Which alerts it answers 400 to, as Alertmanager does; it takes the others all the same."""
    hangs: bool = False
    posts: list[list[dict[str, Any]]] = field(default_factory=list)
    """Each request that was not hung up on, with its alerts."""
    arrivals: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """Each alert it accepted, each resend included, and when (seconds since 1970)."""
    seen: list[web.Request] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """All alerts it accepted."""
        return [alert for post in self.posts for alert in post if not self.refuses(alert)]

    def notifications(self) -> Counter[tuple[str, ...]]:
        """How often Alertmanager would have notified, by alert, namespace, organisation, crawl
        (empty where it is of none) and pod (where it is of one): each time that an alert begins to
        be active, however often it is sent.
        """
        counts = Counter[tuple[str, ...]]()
        ends: dict[tuple[str, ...], float] = {}
        for at, alert in self.arrivals:
            names = ("alertname", "namespace", "oid", "crawl")
            key = tuple(alert["labels"].get(name, "") for name in names)
            if "pod" in alert["labels"]:
                key += (alert["labels"]["pod"],)
            end = datetime.fromisoformat(alert["endsAt"]).timestamp()
            counts[key] += end > at >= ends.get(key, 0.0)
            ends[key] = max(end, ends.get(key, 0.0)) if end > at else end
        return +counts

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.tls)
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
            now = time.time()
            self.arrivals += [(now, alert) for alert in alerts if not self.refuses(alert)]
            if any(self.refuses(alert) for alert in alerts):
                return web.json_response("invalid label set", status=400)
        return web.Response(status=self.status, text=self.body, headers=self.headers)
