"""Finds the Alertmanagers behind one name in DNS, and keeps a send loop for each of its addresses.

``dns+`` and ``dnssrv+`` before a URL mean what they mean to Thanos (pkg/discovery/dns): the members
of a cluster, as behind a headless Service, each of which must be sent every alert. The name is
resolved again twice a minute, and at once when a request to one of the addresses fails, which may
be because it is no longer one. While the name cannot be resolved, the addresses known stay; also
for a while when it is said to have none, for so the system's resolver may report a lost packet.

Nothing is lost meanwhile: an address that comes, or comes back, is sent all alerts that are active
then.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from yarl import URL

from exporter.alerting.endpoint import Endpoint
from exporter.alerting.resolver import (
    MOST_ADDRESSES,
    RESOLUTION_REASONS,
    ResolutionError,
    Resolver,
)
from exporter.alerting.send_loop import SendLoop
from exporter.runtime.backoff import Backoff
from exporter.runtime.tasks import SupervisedTasks

logger = logging.getLogger(__name__)

INTERVAL: Final = 30.0
"""Seconds between resolutions, as Thanos's ``--alertmanagers.sd-dns-interval``."""
SHORTEST_INTERVAL: Final = 5.0
"""Seconds. However many addresses fail, the name is not resolved more often."""
GRACE: Final = 300.0
"""Seconds for which a name must have had no addresses before those known are let go."""


def is_discovered(url: str) -> bool:
    """Whether the URL's Alertmanagers are to be found in DNS."""
    return "+" in URL(url).scheme


@dataclass(slots=True)
class Schedule:
    """When to resolve next, and since when there are no addresses.

    On a clock in seconds that nobody may set.
    """

    interval: float = INTERVAL
    shortest: float = SHORTEST_INTERVAL
    grace: float = GRACE
    backoff: Backoff = field(default_factory=Backoff)
    due: float = 0.0
    _resolved: float = float("-inf")
    _missing_since: float | None = None

    def on_success(self, now: float) -> None:
        """Resolved: again after the interval."""
        self.backoff.reset()
        self._resolved = now
        self._missing_since = None
        self.due = now + self.interval

    def on_failure(self, now: float, *, missing: bool) -> None:
        """Not resolved, or ``missing``: again soon, then less and less often."""
        if not missing:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        self._resolved = now
        self.due = now + min(self.backoff.next(), self.interval)

    def on_doubt(self, now: float) -> None:
        """An address may have left: at once, if the last resolution is not only just over."""
        self.due = min(self.due, max(now, self._resolved + self.shortest))

    def has_left(self, now: float) -> bool:
        """Whether there were no addresses, and no other answer, for the time of grace."""
        return self._missing_since is not None and now - self._missing_since >= self.grace


class Discovery:
    """The send loops of one URL's Alertmanagers; ``start`` it."""

    def __init__(
        self,
        url: str,
        resolver: Resolver,
        send_loop: Callable[[Endpoint], SendLoop],
        *,
        schedule: Schedule | None = None,
    ) -> None:
        """``url`` begins with ``dns+`` or ``dnssrv+``; ``send_loop`` makes one of an address."""
        self.url = url
        self.failures = dict.fromkeys(RESOLUTION_REASONS, 0)
        """Resolutions that failed, by reason."""
        self._by_service = URL(url).scheme.startswith("dnssrv")
        self._endpoint = Endpoint.of(url)
        self._resolver = resolver
        self._send_loop = send_loop
        self._schedule = schedule or Schedule()
        self._send_loops: dict[str, SendLoop] = {}
        """By address."""
        self._last_error: str | None = None
        """Of the last resolution; None if it succeeded."""
        self._left_out = 0
        self._doubted = asyncio.Event()

    @property
    def send_loops(self) -> Collection[SendLoop]:
        """One for each address known."""
        return self._send_loops.values()

    @property
    def failing(self) -> bool:
        """Whether it was tried to resolve the name, and no address is known."""
        return self._last_error is not None and not self._send_loops

    def start(self, tasks: SupervisedTasks) -> None:
        """Resolve in ``tasks``, and run the send loops there, until those are cancelled."""

        async def run() -> None:
            while True:
                await self._refresh(tasks)
                await self._wait()

        tasks.start(f"addresses of {self.url}", run)

    async def _refresh(self, tasks: SupervisedTasks) -> None:
        try:
            found = await self._resolve()
        except ResolutionError as error:
            self._on_failure(error)
            self._schedule.on_failure(_now(), missing=error.reason == "not_found")
            if self._schedule.has_left(_now()):
                await self._replace({}, tasks)
        else:
            self._on_success()
            await self._replace(found, tasks)
            self._schedule.on_success(_now())

    async def _resolve(self) -> dict[str, Endpoint]:
        """The Alertmanagers there are now, by address. Raises ResolutionError."""
        name = self._endpoint.named.raw_host or ""
        found: Iterable[Endpoint]
        if self._by_service:
            services = sorted(await self._resolver.services(name))
            found = [self._endpoint.at(one.address, one.port, one.target) for one in services]
        else:
            addresses = sorted(await self._resolver.addresses(name))
            found = map(self._endpoint.at, addresses)
        # Of two targets with the same address and port the first: it is one Alertmanager.
        by_address: dict[str, Endpoint] = {}
        for endpoint in found:
            by_address.setdefault(endpoint.address, endpoint)
        self._on_left_out(len(by_address) - MOST_ADDRESSES)
        return dict(list(by_address.items())[:MOST_ADDRESSES])

    async def _replace(self, found: dict[str, Endpoint], tasks: SupervisedTasks) -> None:
        """Let go what has left, and start on what has come."""
        known = {address: loop.endpoint for address, loop in self._send_loops.items()}
        for address in [one for one, endpoint in known.items() if found.get(one) != endpoint]:
            send_loop = self._send_loops.pop(address)
            send_loop.close()
            await tasks.end(_task(send_loop.endpoint))
            logger.info("an Alertmanager has left", extra=send_loop.endpoint.fields)
        for address, endpoint in found.items():
            if address in self._send_loops:
                continue
            send_loop = self._send_loop(endpoint)
            send_loop.failure_listeners.append(self._on_doubt)
            self._send_loops[address] = send_loop
            tasks.start(_task(endpoint), send_loop.run)
            logger.info("an Alertmanager has come", extra=endpoint.fields)

    async def _wait(self) -> None:
        """Until the schedule says so."""
        while self._schedule.due > _now():
            self._doubted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._schedule.due):
                    await self._doubted.wait()

    def _on_doubt(self) -> None:
        self._schedule.on_doubt(_now())
        self._doubted.set()

    def _on_success(self) -> None:
        if self._last_error is not None:
            self._last_error = None
            logger.warning(
                "Alertmanager's name is resolved again", extra={"alertmanager": self.url}
            )

    def _on_failure(self, error: ResolutionError) -> None:
        """Count it, and log the first of what may be many attempts."""
        self.failures[error.reason] += 1
        if self._last_error is None:
            logger.error(
                "Alertmanager's name cannot be resolved, trying again",
                extra={"alertmanager": self.url, "error": str(error)},
            )
        self._last_error = str(error)

    def _on_left_out(self, count: int) -> None:
        if count > 0 and not self._left_out:
            logger.error(
                "Alertmanager's name has too many addresses, going on without the last ones",
                extra={"alertmanager": self.url, "most": MOST_ADDRESSES},
            )
        self._left_out = max(count, 0)


def _task(endpoint: Endpoint) -> str:
    return f"alerts to {endpoint.url} at {endpoint.address}"


def _now() -> float:
    return asyncio.get_running_loop().time()
