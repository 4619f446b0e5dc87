"""A discovery without the exporter, and a resolver that answers as a test says."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.discovery import Discovery, Schedule
from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.notifier import Notifier
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.resolver import ResolutionError, Resolver, Service
from exporter.alerting.send_loop import SendLoop
from exporter.alerting.tuning import AlertTuning
from exporter.runtime.backoff import Backoff
from exporter.runtime.proxies import ProxyConfig
from exporter.runtime.tasks import SupervisedTasks
from support.active_alerts import ended
from support.alert_sender import SELDOM
from support.crawl_history import Watch
from support.known_names import no_names


@dataclass
class ScriptedResolver:
    """Answers with ``found`` each time, or raises it."""

    found: Sequence[str] | Sequence[Service] | Exception = ()
    asked: list[str] = field(default_factory=list)

    async def addresses(self, name: str) -> Sequence[str]:
        return cast("Sequence[str]", self._answer(name))

    async def services(self, name: str) -> Sequence[Service]:
        return cast("Sequence[Service]", self._answer(name))

    def _answer(self, name: str) -> Any:
        self.asked.append(name)
        if isinstance(self.found, Exception):
            raise self.found
        if not self.found:
            raise ResolutionError("not_found", f"{name} has no addresses")
        return self.found


class Discovered:
    """The send loops of the Alertmanagers behind one name, of the alerts of one ledger."""

    def __init__(
        self,
        url: str,
        resolver: Resolver,
        *,
        schedule: Schedule | None = None,
        http_config: HTTPClientConfig | None = None,
        proxies: ProxyConfig | None = None,
    ) -> None:
        """Unless the schedule says so, the name is resolved again only by ``resolve``, and after
        each failure.
        """
        self.watch = Watch()
        self.watch.synced()
        self.alerts = ActiveAlerts(self.watch.ledger, self.watch.clock)
        self.tasks = SupervisedTasks(backoff=lambda: Backoff(first=0.0))
        self._credentials = Credentials(http_config or HTTPClientConfig())
        self._proxies = proxies or ProxyConfig()
        self._versions = 1000
        self.discovery = Discovery(
            url,
            resolver,
            self._send_loop,
            schedule=schedule or Schedule(SELDOM, 0.0, SELDOM, Backoff(0.01, 0.02)),
        )

    @property
    def addresses(self) -> list[str]:
        return sorted(loop.endpoint.address for loop in self.discovery.send_loops)

    @property
    def notifier(self) -> Notifier:
        """What the self metrics read of a notifier."""
        found = SimpleNamespace(
            send_loops=self.discovery.send_loops,
            discoveries=[self.discovery],
            active=len(self.alerts),
        )
        return cast("Notifier", found)

    def finish(self, crawl: str) -> None:
        self._versions += 1
        self.watch.change(self._versions, crawl=crawl, status=ended(0.0))

    def resolve(self) -> None:
        """Let it resolve the name now."""
        self.discovery._on_doubt()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.discovery.start(self.tasks)
        try:
            yield
            assert not self.tasks.failing
        finally:
            await self.tasks.cancel()

    def _send_loop(self, endpoint: Endpoint) -> SendLoop:
        return SendLoop(
            AlertmanagerClient(endpoint, self._credentials, self._proxies),
            self.alerts,
            partial(postable_alert, tuning=AlertTuning(), external_labels={}, names_of=no_names),
            resend=SELDOM,
            backoff=Backoff(0.01, 0.05),
        )
