"""Sends the active alerts to one Alertmanager: at once, then every minute while they are active.

Alertmanager forgets alerts when it is restarted, and may have been down when they became active:
so, like Prometheus, we resend them until they are over. New ones go first. Nothing waits for the
network: what activates an alert only puts its key into the queue here. And a failure loses nothing:
what was not sent stays in the queue, and is tried again with backoff, while its alert is active.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from exporter.alerting.active_alerts import ActiveAlert, ActiveAlerts, Key
from exporter.alerting.client import REASONS, AlertmanagerClient, RejectedError
from exporter.alerting.postable_alert import PostableAlert
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
    """Alerts accepted, each resend included."""
    rejected: int = 0
    """Alerts rejected, each resend included."""
    failures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    """Requests that failed, by reason."""
    last_success: float | None = None
    """When a request last succeeded, be it an empty one; in seconds since 1970."""


class SendLoop:
    """Keeps one Alertmanager notified of the active alerts; ``run`` it."""

    def __init__(
        self,
        client: AlertmanagerClient,
        alerts: ActiveAlerts,
        postable: Callable[[ActiveAlert], PostableAlert],
        *,
        resend: float = RESEND,
        backoff: Backoff | None = None,
    ) -> None:
        """Queue what is active now; what becomes active from now on queues itself.

        ``resend`` is in seconds.
        """
        self.stats = SendStats()
        self.endpoint = client.endpoint
        self.failure_listeners: list[Callable[[], None]] = []
        """Called after each request that failed, but for alerts that were rejected."""
        self._client = client
        self._alerts = alerts
        self._postable = postable
        self._resend = resend
        self._backoff = backoff or Backoff()
        self._queue = dict.fromkeys(alerts)
        """Not sent yet as they are now; in the order in which they became active."""
        self._resend_at: dict[Key, float] = {}
        """When the others are due, by the event loop's time; the first in front."""
        self._in_flight: dict[Key, ActiveAlert] = {}
        """Taken from either, and not yet known to be accepted."""
        self._rejected: set[Key] = set()
        self._last_error: str | None = None
        """Of the last request; None if it succeeded."""
        self._has_work = asyncio.Event()
        self._drained = asyncio.Event()
        """Set while the queue is empty, or Alertmanager cannot be reached."""
        alerts.listeners.append(self._enqueue)

    @property
    def pending(self) -> int:
        """Active alerts that are to be sent at once, and are not known to be accepted."""
        return sum(self._alerts.get(key) is not None for key in (*self._queue, *self._in_flight))

    @property
    def failing(self) -> bool:
        """Whether the last request failed, or an active alert was rejected."""
        return self._last_error is not None or bool(self._rejected)

    async def run(self) -> None:
        """Send until cancelled; a cancelled request's alerts are pending again."""
        async with self._client:
            while True:
                try:
                    await self._send(self._next_batch())
                except RequestError as error:
                    self._on_failure(error)
                    await asyncio.sleep(self._backoff.next(error.retry_after))
                else:
                    await self._wait()

    def close(self) -> None:
        """Take no more alerts: the Alertmanager is let go, and ``run`` is to be cancelled."""
        self._alerts.listeners.remove(self._enqueue)

    async def drain(self, limit: float) -> None:
        """Wait until the queue is sent, at most ``limit`` seconds.

        Returns at once while Alertmanager cannot be reached. Running out of time is no error.
        """
        if self._last_error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._drained.wait()

    def _enqueue(self, key: Key) -> None:
        self._queue[key] = None
        self._resend_at.pop(key, None)
        self._has_work.set()
        self._drained.clear()

    async def _wait(self) -> None:
        """Until an alert is queued, a resend is due, or it is time for an empty request."""
        self._has_work.clear()
        if self._queue:
            return
        self._drained.set()
        due = next(iter(self._resend_at.values()), _now() + self._resend)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._has_work.wait()

    def _next_batch(self) -> list[Key]:
        """Take the new ones from the queue, else those whose resend is due."""
        if self._queue:
            keys = list(islice(self._queue, LARGEST_BATCH))
            for key in keys:
                del self._queue[key]
            return keys
        keys = []
        now = _now()
        for key, due in islice(self._resend_at.items(), LARGEST_BATCH):
            if due > now:
                break
            keys.append(key)
        for key in keys:
            del self._resend_at[key]
        return keys

    async def _send(self, keys: list[Key]) -> None:
        """Send these. Raises RequestError; what was not accepted then is in front of the queue."""
        alerts = ((key, self._alerts.get(key)) for key in keys)
        self._in_flight = {key: alert for key, alert in alerts if alert is not None}
        self._rejected -= {key for key in self._rejected if self._alerts.get(key) is None}
        try:
            await self._post(list(self._in_flight.items()))
        finally:
            self._queue = {**dict.fromkeys(self._in_flight), **self._queue}
            self._in_flight = {}

    async def _post(self, batch: Sequence[tuple[Key, ActiveAlert]]) -> None:
        """Post these; a batch with a rejected alert in halves, so that the others are accepted."""
        try:
            await self._client.post([self._postable(alert) for _, alert in batch])
        except RejectedError as error:
            if not batch:
                raise
            self.stats.failures[error.reason] += 1
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._post(batch[:middle])
                await self._post(batch[middle:])
                return
            self._on_rejected(batch[0][0], error)
        else:
            self._on_success([key for key, _ in batch])
        for key, _ in batch:
            del self._in_flight[key]
            if key not in self._queue:  # else it has changed meanwhile
                self._resend_at[key] = _now() + self._resend

    def _on_success(self, keys: list[Key]) -> None:
        self._backoff.reset()
        self._rejected.difference_update(keys)
        self.stats.sent += len(keys)
        self.stats.last_success = self._alerts.clock()
        if self._last_error is not None:
            self._last_error = None
            logger.warning("alerts are delivered again", extra=self.endpoint.fields)

    def _on_rejected(self, key: Key, error: RejectedError) -> None:
        """Go on with the others; this one is tried again at the next resend."""
        self.stats.rejected += 1
        if not self._rejected:
            name, label_values = key
            logger.error(
                "an alert is rejected, going on with the others",
                extra={
                    **self.endpoint.fields,
                    "alert": name,
                    "labels": "/".join(label_values),
                    "error": str(error),
                },
            )
        self._rejected.add(key)

    def _on_failure(self, error: RequestError) -> None:
        """Count it, and log the first of what may be many attempts."""
        self.stats.failures[error.reason] += 1
        if self._last_error is None:
            logger.error(
                "alerts cannot be delivered, trying again",
                extra={**self.endpoint.fields, "error": str(error)},
            )
        self._last_error = str(error)
        self._drained.set()
        for listener in self.failure_listeners:
            listener()


def _now() -> float:
    return asyncio.get_running_loop().time()
