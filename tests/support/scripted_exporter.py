"""An exporter whose exposition a test writes, over real HTTP: for histories in real time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from exporter.commands.demo.programs import free_port

Series = dict[str, float]
"""Series as in an exposition, with their values."""


class ScriptedExporter:
    """Serves what ``series`` returns at each scrape; away while ``away`` is set."""

    def __init__(self, series: Callable[[], Series]) -> None:
        self.series = series
        self.away = False
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    async def _scrape(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        lines = [f"{name} {value!r}\n" for name, value in self.series().items()]
        return web.Response(text="".join(lines), content_type="text/plain")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedExporter"]:
        """Listen until the end of the block."""
        app = web.Application()
        app.router.add_get("/metrics", self._scrape)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            yield self
        finally:
            await runner.cleanup()
