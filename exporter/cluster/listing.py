"""A list in pages, as large lists are read: the first page's version holds for all of them.

Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from exporter.cluster.client import ApiClient, RequestError
from exporter.cluster.wire import Page, read_page
from exporter.resources.crawljob import InvalidObjectError


async def pages(
    connection: ApiClient, path: str, query: Mapping[str, str], idle: float
) -> AsyncGenerator[Page]:
    """Ask for one page after the other; raises RequestError, also for what is no list.

    The next page is on its way while one is taken in: the server works while we do. Close it.
    """
    fetching = asyncio.create_task(_page(connection, path, query, idle))
    try:
        while True:
            page = await fetching
            if not page.metadata.more:
                yield page
                return
            following = {**query, "continue": page.metadata.more}
            fetching = asyncio.create_task(_page(connection, path, following, idle))
            await asyncio.sleep(0)  # so that it is sent first
            yield page
    finally:
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


async def _page(connection: ApiClient, path: str, query: Mapping[str, str], idle: float) -> Page:
    async with connection.get(path, query, idle=idle) as reply:
        body = await reply.read()
    try:
        return read_page(body)
    except InvalidObjectError as error:
        raise RequestError("not_json", f"the list cannot be read: {error}") from error
