"""A list in pages, as large lists are read: the first page's version holds for all of them.

Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
"""

from collections.abc import AsyncIterator, Mapping

from exporter.cluster.connection import Connection, RequestError
from exporter.cluster.wire import Page, read_page
from exporter.crawljob import UnusableError


async def pages(
    connection: Connection, path: str, query: Mapping[str, str], idle: float
) -> AsyncIterator[Page]:
    """Ask for one page after the other; raises RequestError, also for what is no list."""
    more = ""
    while True:
        following = {"continue": more} if more else {}
        async with connection.get(path, {**query, **following}, idle=idle) as reply:
            body = await reply.read()
        try:
            page = read_page(body)
        except UnusableError as error:
            raise RequestError("not_json", f"the list cannot be read: {error}") from error
        yield page
        more = page.metadata.more
        if not more:
            return
