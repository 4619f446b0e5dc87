"""Wires event alerting: the alerts that are active by the ledger, a send loop per Alertmanager."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.send_loop import SendLoop
from exporter.alerting.tuning import AlertTuning
from exporter.history.ledger import Ledger

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
    """Sends event alerts to every Alertmanager. Run ``run`` and the ``run`` of each send loop."""

    def __init__(self, settings: NotifierSettings, ledger: Ledger) -> None:
        """Take the active alerts; raises HTTPClientConfigError where a file cannot be used."""
        credentials = Credentials(settings.http_config)
        postable = partial(
            postable_alert, tuning=settings.tuning, external_labels=dict(settings.labels)
        )
        self._alerts = ActiveAlerts(ledger, without=settings.tuning.without)
        self.send_loops: Sequence[SendLoop] = tuple(
            SendLoop(AlertmanagerClient(url, credentials), self._alerts, postable)
            for url in settings.urls
        )

    async def run(self) -> None:
        """Free the alerts that are over, every 15 seconds, until cancelled."""
        while True:
            self._alerts.expire()
            await asyncio.sleep(_EXPIRE_INTERVAL)

    async def drain(self) -> None:
        """Before a shutdown: wait until the queues are sent, two seconds at most."""
        await asyncio.gather(*(send_loop.drain(_DRAIN_LIMIT) for send_loop in self.send_loops))
