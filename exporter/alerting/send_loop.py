"""Open alerts, to one Alertmanager: at once, then every minute for as long as they are open.

Alertmanager forgets alerts when it is restarted, and may have been down when they opened: so, like
Prometheus, we say them again until they are over. New ones go first. Nobody waits for this: who
opens an alert only leaves its key here. And none of it is lost to a failure: what could not be
delivered stays, and is tried again after a growing delay, while its alert is open.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from exporter.alerting.active_alerts import ActiveAlert, ActiveAlerts, Key
from exporter.alerting.client import REASONS, AlertmanagerClient, Letter, RejectedError
from exporter.runtime.backoff import Backoff
from exporter.runtime.http_errors import RequestError

logger = logging.getLogger(__name__)

RESEND: Final = 60.0
"""Seconds, as Prometheus's ``--rules.alert.resend-delay``. Each Alertmanager gets a request
at least as often, with no alerts in it if need be: that it cannot be reached should be known before
the first alert."""
LARGEST_BATCH: Final = 64
"""Alerts in one request, as Prometheus sends them."""


@dataclass(slots=True)
class SendStats:
    """What is counted of one Alertmanager."""

    sent: int = 0
    """Alerts delivered, each time anew."""
    rejected: int = 0
    """Alerts that it refused, each time anew."""
    failures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    """Requests that failed, by reason."""
    last_success: float | None = None
    """When it last took what we sent, be it nothing; in seconds since 1970."""


class SendLoop:
    """Keeps one Alertmanager told of what is open; ``run`` it."""

    def __init__(
        self,
        client: AlertmanagerClient,
        letter: Letter,
        alerts: ActiveAlerts,
        *,
        resend: float = RESEND,
        backoff: Backoff | None = None,
    ) -> None:
        """Everything that is open now is to be delivered, and whatever opens from now on."""
        self.stats = SendStats()
        self._client = client
        self._letter = letter
        self._alerts = alerts
        self._resend = resend
        self._backoff = backoff or Backoff()
        self._fresh = dict.fromkeys(alerts)
        """Not delivered yet as they are now; in the order in which they opened."""
        self._again: dict[Key, float] = {}
        """When the others are due, by the event loop's time; the first in front."""
        self._under_way: dict[Key, ActiveAlert] = {}
        """Taken from either, and not yet known to be delivered."""
        self._rejected: set[Key] = set()
        self._fault: str | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        """Set while nothing is left to tell at once, or nothing can be told."""
        alerts.listeners.append(self._opened)

    @property
    def url(self) -> str:
        """The Alertmanager's address."""
        return self._client.url

    @property
    def pending(self) -> int:
        """Open alerts that it is to be told of at once, and has not been told of yet."""
        return sum(self._alerts.get(key) is not None for key in (*self._fresh, *self._under_way))

    @property
    def failing(self) -> bool:
        """Whether the last request failed, or an open alert was refused."""
        return self._fault is not None or bool(self._rejected)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with self._client:
            while True:
                try:
                    await self._deliver(self._batch())
                except RequestError as error:
                    self._failed(error)
                    await asyncio.sleep(self._backoff.next(error.retry_after))
                else:
                    await self._wait()

    async def drain(self, limit: float) -> None:
        """Wait until all is delivered that can be at once; ``limit`` in seconds."""
        if self._fault is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._settled.wait()

    def _opened(self, key: Key) -> None:
        self._fresh[key] = None
        self._again.pop(key, None)
        self._news.set()
        self._settled.clear()

    async def _wait(self) -> None:
        """Until there is something to tell, or it is time to show that we are there."""
        self._news.clear()
        if self._fresh:
            return
        self._settled.set()
        due = next(iter(self._again.values()), _now() + self._resend)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._news.wait()

    def _batch(self) -> list[Key]:
        """Take the next to tell: new ones, else those that are due again."""
        if self._fresh:
            keys = list(islice(self._fresh, LARGEST_BATCH))
            for key in keys:
                del self._fresh[key]
            return keys
        keys = []
        now = _now()
        for key, due in islice(self._again.items(), LARGEST_BATCH):
            if due > now:
                break
            keys.append(key)
        for key in keys:
            del self._again[key]
        return keys

    async def _deliver(self, keys: list[Key]) -> None:
        """Post these. Raises RequestError; what was not delivered then is as new as before."""
        open_ones = ((key, self._alerts.get(key)) for key in keys)
        self._under_way = {key: alert for key, alert in open_ones if alert is not None}
        self._rejected -= {key for key in self._rejected if self._alerts.get(key) is None}
        try:
            await self._post(list(self._under_way.items()))
        finally:
            self._fresh = {**dict.fromkeys(self._under_way), **self._fresh}
            self._under_way = {}

    async def _post(self, some: Sequence[tuple[Key, ActiveAlert]]) -> None:
        """Post these; of many, one of which is refused, halve by halve, so that the others pass."""
        try:
            await self._client.post([self._letter.alert(alert) for _, alert in some])
        except RejectedError as error:
            if not some:
                raise
            self.stats.failures[error.reason] += 1
            if len(some) > 1:
                middle = len(some) // 2
                await self._post(some[:middle])
                await self._post(some[middle:])
                return
            self._refused(some[0][0], error)
        else:
            self._succeeded([key for key, _ in some])
        for key, _ in some:
            del self._under_way[key]
            if key not in self._fresh:  # else it has changed meanwhile
                self._again[key] = _now() + self._resend

    def _succeeded(self, keys: list[Key]) -> None:
        self._backoff.reset()
        self._rejected.difference_update(keys)
        self.stats.sent += len(keys)
        self.stats.last_success = self._alerts.clock()
        if self._fault is not None:
            self._fault = None
            logger.warning("alerts are delivered again", extra={"alertmanager": self.url})

    def _refused(self, key: Key, error: RejectedError) -> None:
        """One alert is not wanted: the others go on, and it is tried again with the next round."""
        self.stats.rejected += 1
        if not self._rejected:
            name, labels = key
            logger.error(
                "an alert is refused, going on with the others: %s",
                error,
                extra={"alertmanager": self.url, "alert": name, "of": "/".join(labels)},
            )
        self._rejected.add(key)

    def _failed(self, error: RequestError) -> None:
        """Count it; say it once, not at each of what may be many attempts."""
        self.stats.failures[error.reason] += 1
        if self._fault is None:
            logger.error(
                "alerts cannot be delivered, trying again: %s",
                error,
                extra={"alertmanager": self.url},
            )
        self._fault = str(error)
        self._settled.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
