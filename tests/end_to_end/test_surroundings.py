"""Surroundings that lack what most have: a home, or file descriptors."""

import contextlib
import json
import os
import resource
import socket
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.simulator import ApiServer, Cluster
from support.exporter_process import OUT_OF_DESCRIPTORS, Process, Start
from support.factories import crawljob
from support.waiting import PROCESS_TIMEOUT, WAIT_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)


@contextlib.contextmanager
def clients(process: Process, number: int) -> Iterator[list[socket.socket]]:
    """So many that say nothing."""
    host, _, port = process.url.removeprefix("http://").rpartition(":")
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection((host, int(port)), WAIT_TIMEOUT))
            for _ in range(number)
        ]
        for client in opened:
            client.setblocking(False)
        yield opened


def was_closed(client: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        return client.recv(1) == b""
    return False


async def test_without_a_home_or_any_variable_but_path_it_gets_ready(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    cluster.create(crawljob(crawl="a"))
    path = f"PATH={os.environ['PATH']}"
    process: Process = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"), within=("env", "-i", path)
    )
    await process.until_ready()
    assert (await process.scrape()).of("browsertrix_crawl_info", crawl="a")


async def test_with_few_descriptors_half_are_for_clients_and_idle_ones_make_room(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    process: Process = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"),
        within=("sh", "-c", 'ulimit -n 64 && exec "$@"', "sh"),
    )
    await process.until_ready()
    with clients(process, 100) as opened:
        await until(lambda: sum(map(was_closed, opened)) >= 100 - 32)
        await process.scrape()
        assert [was_closed(one) for one in opened] == [True] * 69 + [False] * 31
    assert OUT_OF_DESCRIPTORS not in process.log.read_text()


async def test_out_of_descriptors_it_says_so_once_a_second_and_serves_again_afterwards(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    process: Process = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await process.until_ready()

    def said() -> list[float]:
        lines = map(json.loads, process.log.read_text().splitlines())
        return [
            datetime.fromisoformat(line["ts"]).timestamp()
            for line in lines
            if OUT_OF_DESCRIPTORS in line["msg"]
        ]

    pid, which = process.process.pid, resource.RLIMIT_NOFILE
    before = resource.prlimit(pid, which)
    resource.prlimit(pid, which, (3, before[1]))
    with clients(process, 50):
        await until(lambda: len(said()) >= 3, within=PROCESS_TIMEOUT)
        times = said()
    resource.prlimit(pid, which, before)
    assert all(later - earlier > 0.9 for earlier, later in pairwise(times))
    await process.until(lambda scrape: scrape.text)
