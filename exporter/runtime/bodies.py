"""Reading what a server sends, and no more than was agreed."""

import asyncio

import aiohttp


async def read_within(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """Return the whole body, or None where it is longer than ``most`` bytes.

    Raises what aiohttp raises.
    """
    try:
        await response.content.readexactly(most + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    return None
