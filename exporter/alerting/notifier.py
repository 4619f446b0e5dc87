"""What makes event alerts of what the ledger records, and sends them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.alerting.client import AlertmanagerClient, Letter
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.send_loop import SendLoop
from exporter.alerting.template import Links
from exporter.history.ledger import Ledger

_TIDY_EVERY: Final = 15.0
"""Seconds."""
_DRAIN: Final = 2.0
"""Seconds that an end waits for what happened right before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """Who is told, and how."""

    urls: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Added to every alert."""
    links: Links = field(default_factory=Links)
    http_config: HTTPClientConfig = field(default_factory=HTTPClientConfig)


class Notifier:
    """Posts event alerts to every Alertmanager. Run ``run`` and each delivery's ``run``."""

    def __init__(self, settings: NotifierSettings, ledger: Ledger) -> None:
        """Open what is to be told; raises HTTPClientConfigError where a file cannot be used."""
        credentials = Credentials(settings.http_config)
        letter = Letter(settings.links, dict(settings.labels))
        self._alerts = ActiveAlerts(ledger)
        self.send_loops: Sequence[SendLoop] = tuple(
            SendLoop(AlertmanagerClient(url, credentials), letter, self._alerts)
            for url in settings.urls
        )

    async def run(self) -> None:
        """Let alerts be over when they are, until cancelled."""
        while True:
            self._alerts.expire()
            await asyncio.sleep(_TIDY_EVERY)

    async def drain(self) -> None:
        """Before an end: give what happened just now a moment to be delivered."""
        await asyncio.gather(*(send_loop.drain(_DRAIN) for send_loop in self.send_loops))
