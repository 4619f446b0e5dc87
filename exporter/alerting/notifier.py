"""What makes event alerts of what the ledger hears, and delivers them: the room as a whole."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.alerting.access import Access, Credentials
from exporter.alerting.delivery import Delivery
from exporter.alerting.opening import OpenAlerts
from exporter.alerting.posting import Letter, Poster
from exporter.alerting.wording import Addresses
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
    addresses: Addresses = field(default_factory=Addresses)
    access: Access = field(default_factory=Access)


class Notifier:
    """Posts event alerts to every Alertmanager. Run ``run`` and each delivery's ``run``."""

    def __init__(self, settings: NotifierSettings, ledger: Ledger) -> None:
        """Open what is to be told; raises AccessError where a file cannot be used."""
        credentials = Credentials(settings.access)
        letter = Letter(settings.addresses, dict(settings.labels))
        self._alerts = OpenAlerts(ledger)
        self.deliveries: Sequence[Delivery] = tuple(
            Delivery(Poster(url, credentials), letter, self._alerts) for url in settings.urls
        )

    async def run(self) -> None:
        """Let alerts be over when they are, until cancelled."""
        while True:
            self._alerts.tidy()
            await asyncio.sleep(_TIDY_EVERY)

    async def drain(self) -> None:
        """Before an end: give what happened just now a moment to be delivered."""
        await asyncio.gather(*(delivery.drain(_DRAIN) for delivery in self.deliveries))
