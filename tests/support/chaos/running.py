"""Lets faults of all kinds happen at once, one after the other of each kind."""

import asyncio
import random
import time
from collections import Counter
from datetime import datetime
from typing import Final

from support.chaos.faults import KINDS, Faults
from support.chaos.world import World

_PAUSE: Final = (0.2, 3.0)
"""Seconds between two faults of a kind."""


async def wreak(world: World, seconds: float, seed: int) -> Counter[str]:
    """Let faults happen for so many seconds; returns how often each did, and prints when.

    What comes of each kind follows from the seed alone; how kinds meet, from the machine too.
    """
    deadline = time.monotonic() + seconds
    counts = Counter[str]()
    async with asyncio.TaskGroup() as group:
        for name, kind in KINDS.items():
            rng = random.Random(f"{seed} {name}")
            group.create_task(_one_kind(name, kind(world, rng), rng, deadline, counts))
    return counts


async def _one_kind(
    name: str, faults: Faults, rng: random.Random, deadline: float, counts: Counter[str]
) -> None:
    while time.monotonic() < deadline:
        left = faults.all
        rng.shuffle(left)
        for fault in left:  # each comes, in an order of its own
            await asyncio.sleep(rng.uniform(*_PAUSE))
            if time.monotonic() >= deadline:
                return
            began = _now()
            await fault()
            counts[f"{name}: {fault.__name__}"] += 1
            # Shown where the test fails.
            print(f"{began} to {_now()} {name}: {fault.__name__}")  # noqa: T201


def _now() -> str:
    return f"{datetime.now():%H:%M:%S.%f}"[:-3]  # noqa: DTZ005 - as the exporter logs it
