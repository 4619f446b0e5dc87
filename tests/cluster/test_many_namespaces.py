"""Hundreds of namespaces: each watch has a connection, and none waits for another's."""

from exporter.simulator import ApiServer
from support.following import Follow
from support.waiting import until

NAMESPACES = 150
"""More than aiohttp's own limit of connections, which is 100: a watch keeps its own."""


async def test_a_hundred_and_fifty_watches_are_open_at_once(
    server: ApiServer, follow: Follow
) -> None:
    watches = [follow(f"crawlers-{number}")[0] for number in range(NAMESPACES)]
    await until(lambda: server.streams == NAMESPACES)
    assert all(watch.synced for watch in watches)
    await until(lambda: {watch.last_error for watch in watches} == {None})
    assert {watch.stats.lists for watch in watches} == {1}
