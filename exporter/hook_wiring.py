"""What stands in the place of watches with ``--source.kubernetes=metacontroller``.

CrawlJobs, pods and claims come by calls. Usage does not: metrics.k8s.io has no watch and its
objects no version, and an API that is not there would keep metacontroller from calling at all. So
usage, and indexes, which belong to no crawl, are asked for as always, where the API server may be.
"""

import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from exporter.cluster.changes import PartHandler
from exporter.history.ledger import Ledger
from exporter.metacontroller import (
    Calls,
    FirstRound,
    Hooks,
    HookScope,
    HookSettings,
    HookSource,
    Record,
)
from exporter.runtime.tasks import SupervisedTasks
from exporter.settings import Settings
from exporter.sources import CRAWLJOBS, PODS, VOLUMES, Source
from exporter.web import HookServer, WebConfigFile

log = logging.getLogger(__name__)

CARRIED: Final[tuple[Source[Any], ...]] = (CRAWLJOBS, PODS, VOLUMES)
"""What calls tell of."""


class HookSide:
    """The sources that metacontroller feeds, the hooks, and their listener."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        handlers: Mapping[str, PartHandler[Any]],
        web_config: WebConfigFile | None,
    ) -> None:
        """``web_config`` protects the listener; None is plain HTTP for everybody."""
        now = time.monotonic()
        calls = Calls(settings.hook_resync_period, now)
        self.hooks = Hooks(
            HookSettings(settings.hook_resync_period, settings.hook_finalize),
            Record(ledger.sync, ledger.has_end, ledger.leave),
            calls,
        )
        self.followed: list[HookSource[Any]] = []
        self._server = HookServer(self.hooks, settings.hook_addresses, web_config)
        for scope in settings.scopes:
            jobs, *parts = (
                HookSource(source.resource, scope, handlers[source.name], source.name)
                for source in CARRIED
                if source.required or getattr(settings, f"source_{source.name}")
            )
            first_round = FirstRound(calls, ledger.known_alive(CRAWLJOBS.name, scope), now)
            self.hooks.follow(HookScope(jobs, parts, first_round, calls))
            self.followed += (jobs, *parts)

    async def start(self, tasks: SupervisedTasks, ending: AsyncExitStack) -> None:
        """Listen until ``ending``. Raises ListenError."""
        tasks.start("metacontroller's rounds", self.hooks.run)
        await self._server.start()
        ending.push_async_callback(self._server.stop)
        for address in self._server.addresses:
            log.info("listening for metacontroller", extra={"address": address})

    @property
    def waits(self) -> bool:
        """Whether a first round is to be waited for: metacontroller calls, or may still do so."""
        return self.hooks.waits(time.monotonic())
