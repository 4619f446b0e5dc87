"""A real Prometheus for the tests, and queries on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp

from exporter.commands.demo import programs
from exporter.commands.demo.programs import Program
from support.tools import Edition

TIMEOUT: Final = 30.0
"""Seconds a condition may take to become true on a busy machine."""


class Prometheus:
    """A running server; ``log`` is the file of its stderr."""

    def __init__(self, program: Program, session: aiohttp.ClientSession) -> None:
        self.url = program.url
        self.log = program.log
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self.url}/api/v1/{path}", params=parameters) as response:
            body = await response.json()
            assert body["status"] == "success", body
            return body["data"]

    async def metrics(self) -> str:
        """Its own exposition."""
        async with self._session.get(f"{self.url}/metrics") as response:
            return await response.text()

    async def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        data = await self.get("query", query=expression)
        return {
            tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in data["result"]
        }

    async def one(self, expression: str) -> float | None:
        """The value of an expression with one result; None while there is none."""
        found = list((await self.query(expression)).values())
        assert len(found) <= 1, found
        return found[0] if found else None

    async def until(self, expression: str, value: float) -> None:
        result: float | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                while (result := await self.one(expression)) != value:
                    await asyncio.sleep(0.1)
                return
        raise AssertionError(f"{expression}: {result}; log:\n{self.log.read_text()[-3000:]}")


@contextlib.asynccontextmanager
async def prometheus(
    edition: Edition, configuration: dict[str, Any], folder: Path, *flags: str, port: int = 0
) -> AsyncIterator[Prometheus]:
    """Run one until the end of the block; data of an earlier one in ``folder`` is loaded."""
    executable = edition.require("prometheus")
    program = programs.prometheus(executable, folder, configuration, *flags, port=port)
    async with programs.running(program) as process, aiohttp.ClientSession() as session:
        async with asyncio.timeout(TIMEOUT):
            while True:
                assert process.returncode is None, program.log.read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{program.url}/-/ready") as response:
                        if response.status == 200:
                            break
                await asyncio.sleep(0.05)
        yield Prometheus(program, session)
