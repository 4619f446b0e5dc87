"""A real Prometheus for the tests, and queries on it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from exporter.commands.demo import programs
from exporter.commands.demo.programs import Program
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, until


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

        async def has_come_true() -> bool:
            nonlocal result
            result = await self.one(expression)
            return result == value

        await until(
            has_come_true,
            every=0.1,
            within=PROCESS_TIMEOUT,
            otherwise=lambda: f"{expression}: {result}; log:\n{self.log.read_text()[-3000:]}",
        )


@contextlib.asynccontextmanager
async def prometheus(
    edition: Edition, configuration: dict[str, Any], folder: Path, *flags: str, port: int = 0
) -> AsyncIterator[Prometheus]:
    """Run one until the end of the block; data of an earlier one in ``folder`` is loaded."""
    executable = edition.require("prometheus")
    program = programs.prometheus(executable, folder, configuration, *flags, port=port)
    async with programs.running(program) as process, aiohttp.ClientSession() as session:

        async def ready() -> bool:
            assert process.returncode is None, program.log.read_text()
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{program.url}/-/ready") as response:
                    return response.status == 200
            return False

        await until(ready, every=0.05, within=PROCESS_TIMEOUT, otherwise=program.log.read_text)
        yield Prometheus(program, session)
