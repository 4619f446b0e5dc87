"""Who waits at the start: there are four pods to a crawl, of twice its size.

Their lists, asked for at the same time, would more than double the time until crawls are served
and alerts can fire. So the others wait for the required sources; but not for one that does not get
on, as where the right to it is missing: what they say is of use all the same.
"""

import asyncio
from collections.abc import Callable
from typing import Final

HEAD_START: Final = 10.0
"""Seconds in which nothing has come, after which nobody waits any more."""
_LOOK_AGAIN: Final = 0.05
"""Seconds."""


async def wait_for(is_ready: Callable[[], bool], progress: Callable[[], int]) -> None:
    """Wait until ``is_ready``, or ``progress`` has stayed the same for ``HEAD_START``."""
    now = asyncio.get_running_loop().time
    seen, since = progress(), now()
    while not is_ready():
        await asyncio.sleep(_LOOK_AGAIN)
        if (reached := progress()) != seen:
            seen, since = reached, now()
        elif now() - since >= HEAD_START:
            return
