"""What the simulator's servers have in common: they listen in the caller's event loop.

Stopped and started again it keeps its port, so that clients find it where it was.
"""

import ssl
from abc import ABC, abstractmethod
from typing import Self

from aiohttp import web


class HTTPServer(ABC):
    """Serves what ``_application`` makes, anew at each start."""

    def __init__(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> None:
        """``port`` may be 0: a free one is taken, and kept."""
        self._host = host
        self._port = port
        self._ssl_context = ssl_context
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handler_cancellation=True,  # a watch whose client left ends at once
            shutdown_timeout=1.0,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port, ssl_context=self._ssl_context)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """End what is under way, and stop listening."""
        self._release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._ssl_context else "http"
        return f"{scheme}://{self._host}:{self._port}"

    @abstractmethod
    def _application(self) -> web.Application:
        """Make what is served."""

    @abstractmethod
    def _release(self) -> None:
        """End what would hold up the end of a request."""
