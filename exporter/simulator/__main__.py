"""The simulator as a process of its own: ``python -m exporter.simulator``.

Prints one line with its URL as soon as it listens; SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.browsertrix.browsertrix import Browsertrix
from exporter.simulator.browsertrix.fleet import fleet


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exporter.simulator",
        description="A small Browsertrix on Kubernetes, served like the Kubernetes API.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add("--token", action="append", help="bearer token to accept; repeatable (default: anybody)")
    add("--kubeconfig", type=Path, help="write a kubeconfig for it here")
    add("--seed", type=int, default=0, help="of all random choices (default: %(default)s)")
    add(
        "--speed",
        type=float,
        default=1.0,
        help="times real time (default: %(default)s)",
    )
    add("--crawls", type=int, default=20, help="crawls at a time (default: %(default)s)")
    add("--static", action="store_true", help="CrawlJobs that do not change")
    add("--stale-writes", action="store_true", help="let the status step back now and then")
    add("--pause-limit", type=float, help="seconds (default: seven simulated days)")
    add("--history", type=int, default=20_000, help="events kept (default: %(default)s)")
    return parser


async def _main(arguments: argparse.Namespace) -> None:
    cluster = Cluster(history=arguments.history, seed=arguments.seed)
    ended = asyncio.Event()
    simulation = None
    if arguments.static:
        for value in fleet(arguments.crawls, arguments.seed):
            cluster.create(value)
    else:
        browsertrix = Browsertrix(
            cluster,
            seed=arguments.seed,
            speed=arguments.speed,
            crawls=arguments.crawls,
            pause_limit=arguments.pause_limit,
            stale_writes=arguments.stale_writes,
        )
        simulation = asyncio.create_task(browsertrix.run())
        simulation.add_done_callback(lambda _: ended.set())  # it only ends by a fault
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    tokens = set(arguments.token) if arguments.token else None
    async with ApiServer(
        cluster, tokens=tokens, host=arguments.host, port=arguments.port
    ) as server:
        if arguments.kubeconfig:
            token = arguments.token[0] if arguments.token else None
            server.write_kubeconfig(arguments.kubeconfig, token)
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await ended.wait()
    if simulation is not None:
        simulation.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await simulation


if __name__ == "__main__":
    asyncio.run(_main(_arguments().parse_args()))
