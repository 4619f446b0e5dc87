"""The simulator as a process of its own: ``python -m exporter.simulator``.

Prints one line with its URL as soon as it listens, and a second one with that of Browsertrix's own
API where it serves that; SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.served_resource import RESOURCES
from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix import kubelet
from exporter.simulator.browsertrix.browsertrix import Browsertrix
from exporter.simulator.browsertrix.fleet import ORGANISATIONS, fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from exporter.simulator.browsertrix_api import Accounts, BrowsertrixServer, Database
from exporter.simulator.browsertrix_api.accounts import DEFAULT_PASSWORD, SUPERADMIN, User
from exporter.simulator.browsertrix_api.landscape import Landscape, database_of
from exporter.simulator.metacontroller import DecoratorController, Spec


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
    add("--static", action="store_true", help="CrawlJobs, and their pods, that do not change")
    add(
        "--troubles",
        type=float,
        default=0.1,
        help="share of crawls whose troubles only pods, claims or indexes tell of"
        " (default: %(default)s)",
    )
    add("--bystanders", type=int, default=2, help="pods of no crawl (default: %(default)s)")
    named = "a resource or group (pods, persistentvolumeclaims, collindexes, metrics.k8s.io)"
    add("--without", action="append", default=[], metavar="NAME", help=f"do not serve {named}: 404")
    add("--denied", action="append", default=[], metavar="NAME", help=f"let nobody ask for {named}")
    add("--down", action="append", default=[], metavar="NAME", help="an aggregated API fails: 503")
    add("--stale-writes", action="store_true", help="let the status step back now and then")
    add("--pause-limit", type=float, help="seconds (default: seven simulated days)")
    add("--history", type=int, default=20_000, help="events kept (default: %(default)s)")
    add(
        "--browsertrix-port",
        type=int,
        metavar="PORT",
        help="serve Browsertrix's own API on this port, 0 for a free one (default: not at all)",
    )
    add(
        "--browsertrix-password-file",
        type=Path,
        metavar="FILE",
        help=f"with the password of {SUPERADMIN} there (default: {DEFAULT_PASSWORD})",
    )
    add(
        "--metacontroller-hook-url",
        metavar="URL",
        help="play metacontroller: call the hooks below it (default: nobody is called)",
    )
    add("--metacontroller-finalize", action="store_true", help="hold CrawlJobs by a finalizer")
    add(
        "--metacontroller-resync-period",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="between two syncs of all CrawlJobs (default: %(default)s)",
    )
    return parser


def _recorded(crawljobs: Iterable[Object], database: Database) -> Iterator[Object]:
    """The same, of which the database keeps a record each."""
    for crawljob in crawljobs:
        database.add_crawljob(crawljob)
        yield crawljob


async def _main(arguments: argparse.Namespace) -> None:
    served = tuple(one for one in RESOURCES if not set(arguments.without) & set(one.names))
    cluster = Cluster(history=arguments.history, seed=arguments.seed, resources=served)
    ended = asyncio.Event()
    simulation = None
    database = Database(time.time, seed=arguments.seed)
    settings = {}
    if arguments.static:
        Landscape(database, crawls=arguments.crawls, organisations=ORGANISATIONS)
        pods = FleetPods(cluster)
        pods.add(_recorded(fleet(arguments.crawls, arguments.seed), database))
        pods.add_bystanders(arguments.bystanders)
        pods.add_indexes(arguments.crawls // 100)
    else:
        browsertrix = Browsertrix(
            cluster,
            seed=arguments.seed,
            speed=arguments.speed,
            crawls=arguments.crawls,
            pause_limit=arguments.pause_limit,
            stale_writes=arguments.stale_writes,
            troubles=arguments.troubles,
            bystanders=arguments.bystanders,
        )
        if arguments.browsertrix_port is not None:
            database = database_of(browsertrix)
        settings["pausedExpiryMinutes"] = max(1, round(browsertrix.pause_limit / 60))
        simulation = asyncio.create_task(browsertrix.run())
        simulation.add_done_callback(lambda _: ended.set())  # it only ends by a fault
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with AsyncExitStack() as servers:
        server = await servers.enter_async_context(_api_server(arguments, cluster))
        urls = [server.url]
        if arguments.browsertrix_port is not None:
            api = _browsertrix_server(arguments, database, settings)
            urls.append((await servers.enter_async_context(api)).url)
        if arguments.kubeconfig:
            token = arguments.token[0] if arguments.token else None
            server.write_kubeconfig(arguments.kubeconfig, token)
        if arguments.metacontroller_hook_url:
            await servers.enter_async_context(_metacontroller(arguments, cluster))
        sys.stdout.writelines(f"{url}\n" for url in urls)
        sys.stdout.flush()
        await ended.wait()
    if simulation is not None:
        simulation.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await simulation


def _api_server(arguments: argparse.Namespace, cluster: Cluster) -> ApiServer:
    return ApiServer(
        cluster,
        tokens=set(arguments.token) if arguments.token else None,
        denied=arguments.denied,
        down=arguments.down,
        host=arguments.host,
        port=arguments.port,
        node_metrics=partial(kubelet.metrics, cluster),
    )


def _metacontroller(arguments: argparse.Namespace, cluster: Cluster) -> DecoratorController:
    return DecoratorController(
        cluster,
        Spec(
            hook_url=arguments.metacontroller_hook_url,
            finalize=arguments.metacontroller_finalize,
            resync_period=arguments.metacontroller_resync_period,
            heartbeat=True,
        ),
    )


def _browsertrix_server(
    arguments: argparse.Namespace, database: Database, settings: Mapping[str, int]
) -> BrowsertrixServer:
    file = arguments.browsertrix_password_file
    password = file.read_text(encoding="utf-8").strip() if file else DEFAULT_PASSWORD
    return BrowsertrixServer(
        database,
        Accounts(User(email=SUPERADMIN, password=password), clock=time.time),
        host=arguments.host,
        port=arguments.browsertrix_port,
        settings=settings,
    )


if __name__ == "__main__":
    asyncio.run(_main(_arguments().parse_args()))
