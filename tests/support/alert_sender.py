"""An exporter's notifier without the exporter, in front of one receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.send_loop import SendLoop
from exporter.alerting.template import Links
from exporter.alerting.tuning import AlertTuning
from exporter.runtime.backoff import Backoff
from exporter.runtime.proxies import ProxyConfig
from support.active_alerts import ended
from support.crawl_history import Watch

OFTEN: Final = 0.05
"""Seconds between two times that an alert is sent."""
SELDOM: Final = 600.0


class Sender:
    """One send loop of the alerts that one ledger activates."""

    def __init__(self, url: str, resend: float = SELDOM, watch: Watch | None = None) -> None:
        self.watch = watch or Watch()
        self.watch.synced()
        self.alerts = ActiveAlerts(self.watch.ledger, self.watch.clock)
        self.send_loop = SendLoop(
            AlertmanagerClient(Endpoint.of(url), Credentials(HTTPClientConfig()), ProxyConfig()),
            self.alerts,
            partial(
                postable_alert,
                tuning=AlertTuning(links=Links(browsertrix="https://browsertrix.example.org/")),
                external_labels={"cluster": "one"},
                names_of=self.watch.ledger.names_of,
            ),
            resend=resend,
            backoff=Backoff(0.01, 0.05),
        )
        self._versions = 1000

    def finish(self, crawl: str, state: str = "stopped_pause_expired", at: float = 0.0) -> None:
        self._versions += 1
        self.watch.change(self._versions, crawl=crawl, status=ended(at, state))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.send_loop.run())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def crawls(posts: list[list[dict[str, Any]]]) -> list[list[str]]:
    """Of each request, the crawls that its alerts are about."""
    return [[alert["labels"]["crawl"] for alert in post] for post in posts]
