"""A hook server as a DecoratorController calls it, which notes what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Request = dict[str, Any]
Answer = dict[str, Any] | int
"""A body, or the status of a refusal."""


class FakeHook:
    """Answers every sync with ``answer``, once it may."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, Request]] = []
        """Name of the hook and body, in the order in which they came."""
        self.answer: Callable[[str, Request], Answer] = lambda *_: {"attachments": []}
        self.rules: list[dict[str, Any]] = []
        """What customize answers."""
        self.headers: dict[str, str] = {}
        self.open = asyncio.Event()
        """Answers are given while this is set."""
        self.open.set()
        self.most_at_once = 0
        """Requests that were under way at the same time."""
        self.most_of_one = 0
        """The same, about one object."""
        self._under_way: list[str] = []

    def of(self, name: str = "", *, hook: str = "") -> list[Request]:
        """Requests about an object, all but those of customize unless ``hook`` says which."""
        wanted = {hook} if hook else {"sync", "finalize"}
        return [
            request
            for path, request in self.requests
            if path in wanted and (not name or _object(request)["metadata"]["name"] == name)
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """Note a request, and answer it."""
        assert request.content_type == "application/json"
        hook, body = request.path.strip("/"), await request.json()
        self.requests.append((hook, body))
        if hook == "customize":
            return web.json_response({"relatedResources": self.rules})
        name = body["object"]["metadata"]["name"]
        self._under_way.append(name)
        self.most_at_once = max(self.most_at_once, len(self._under_way))
        self.most_of_one = max(self.most_of_one, self._under_way.count(name))
        try:
            await self.open.wait()
            answer = self.answer(hook, body)
        finally:
            self._under_way.remove(name)
        if isinstance(answer, int):
            return web.Response(status=answer, headers=self.headers)
        return web.json_response(answer)


@asynccontextmanager
async def fake_hook() -> AsyncIterator[FakeHook]:
    """Serve one."""
    hook = FakeHook()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for name in ("sync", "finalize", "customize"):
        app.router.add_post(f"/{name}", hook.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        hook.url = f"http://{host}:{port}"
        yield hook
    finally:
        hook.open.set()
        await runner.cleanup()


def _object(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = request.get("object") or request["parent"]
    return found
