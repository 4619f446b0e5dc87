"""Wires event alerting: the alerts that are active by the ledger, a send loop per Alertmanager.

An Alertmanager is a URL, or each of the addresses that the URL's name has in DNS.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.discovery import Discovery, is_discovered
from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials, HTTPClientConfig, HTTPClientConfigError
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.resolver import Resolver, SystemResolver
from exporter.alerting.send_loop import SendLoop
from exporter.alerting.tuning import AlertTuning
from exporter.history.ledger import Ledger
from exporter.runtime.proxies import ProxyConfig, ProxyError
from exporter.runtime.tasks import SupervisedTasks

_EXPIRE_INTERVAL: Final = 15.0
"""Seconds."""
_DRAIN_LIMIT: Final = 2.0
"""Seconds that a shutdown waits for alerts of what happened right before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """Which Alertmanagers are notified, and how."""

    urls: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Added to every alert, as Prometheus's ``external_labels``."""
    tuning: AlertTuning = field(default_factory=AlertTuning)
    http_config: HTTPClientConfig = field(default_factory=HTTPClientConfig)


class Notifier:
    """Sends event alerts to every Alertmanager, once it is started."""

    def __init__(
        self, settings: NotifierSettings, ledger: Ledger, resolver: Resolver | None = None
    ) -> None:
        """Take the active alerts.

        Raises HTTPClientConfigError where a file cannot be used, or a proxy that the environment
        names. ``resolver`` is the system's unless it is given.
        """
        self._credentials = Credentials(settings.http_config)
        try:
            self._proxies = ProxyConfig.from_environment()
        except ProxyError as error:
            raise HTTPClientConfigError(str(error)) from error
        self._postable = partial(
            postable_alert,
            tuning=settings.tuning,
            external_labels=dict(settings.labels),
            names_of=ledger.names_of,
        )
        self._alerts = ActiveAlerts(ledger, without=settings.tuning.without)
        resolver = resolver or SystemResolver()
        self._fixed = [
            self._send_loop(Endpoint.of(url)) for url in settings.urls if not is_discovered(url)
        ]
        self.discoveries: Sequence[Discovery] = tuple(
            Discovery(url, resolver, self._send_loop) for url in settings.urls if is_discovered(url)
        )
        """One for each URL whose addresses are looked up."""

    @property
    def send_loops(self) -> Sequence[SendLoop]:
        """One for each Alertmanager that is known now."""
        found = (loop for one in self.discoveries for loop in one.send_loops)
        return [*self._fixed, *found]

    @property
    def active(self) -> int:
        """How many alerts are active."""
        return sum(self._alerts.get(key) is not None for key in self._alerts)

    def start(self, tasks: SupervisedTasks) -> None:
        """Run all of it in ``tasks``, until those are cancelled."""
        tasks.start("active alerts", self._expire)
        for send_loop in self._fixed:
            tasks.start(f"alerts to {send_loop.endpoint.url}", send_loop.run)
        for discovery in self.discoveries:
            discovery.start(tasks)

    async def _expire(self) -> None:
        """Free the alerts that are over, every 15 seconds."""
        while True:
            self._alerts.expire()
            await asyncio.sleep(_EXPIRE_INTERVAL)

    async def drain(self) -> None:
        """Before a shutdown: wait until the queues are sent, two seconds at most."""
        await asyncio.gather(*(send_loop.drain(_DRAIN_LIMIT) for send_loop in self.send_loops))

    def _send_loop(self, endpoint: Endpoint) -> SendLoop:
        client = AlertmanagerClient(endpoint, self._credentials, self._proxies)
        return SendLoop(client, self._alerts, self._postable)
