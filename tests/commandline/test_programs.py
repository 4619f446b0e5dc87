"""How the demo ends what it runs."""

import asyncio
from typing import cast

import pytest

from exporter.commands.demo.programs import end
from support.virtual_time import in_virtual_time, now


class FakeProcess:
    """Ends so many seconds after SIGTERM, and at once by SIGKILL."""

    def __init__(self, needs: float) -> None:
        self.signals: list[tuple[str, float]] = []
        self._needs = needs
        self._ended = asyncio.Event()

    def terminate(self) -> None:
        self.signals.append(("SIGTERM", now()))
        asyncio.get_running_loop().call_later(self._needs, self._ended.set)

    def kill(self) -> None:
        self.signals.append(("SIGKILL", now()))
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        return 0


@pytest.mark.parametrize(("needs", "killed"), [(0.0, []), (9.9, []), (1e6, [("SIGKILL", 10.0)])])
@in_virtual_time
async def test_a_program_has_ten_seconds_to_end(
    needs: float, killed: list[tuple[str, float]]
) -> None:
    process = FakeProcess(needs)
    await end(cast("asyncio.subprocess.Process", process))
    assert process.signals == [("SIGTERM", 0.0), *killed]
