"""The families about the exporter as a client of Browsertrix's API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exporter.browsertrix import BrowsertrixClient
from exporter.browsertrix.http import ENDPOINTS, REASONS
from exporter.crawls import PauseLimit
from exporter.metrics.catalog.family import Family, Group, Kind

Samples = Iterable[tuple[tuple[str, ...], float]]
"""The values of all labels, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFamily(Family):
    """A family about the client, or about what it says of the pause limit."""

    samples: Callable[[BrowsertrixClient, PauseLimit], Samples]
    group: Group = Group.EXPORTER


def _differs(_: BrowsertrixClient, limit: PauseLimit) -> Samples:
    return [] if limit.differs is None else [((), float(limit.differs))]


CLIENT_FAMILIES: Final = (
    ClientFamily(
        name="browsertrix_exporter_browsertrix_login_refused",
        help="1 while Browsertrix refuses the login or the token, or its user is no superadmin: "
        "nothing is asked until the file changes.",
        source="the answers to logins",
        samples=lambda client, _: [((), float(client.login_refused))],
    ),
    ClientFamily(
        name="browsertrix_exporter_browsertrix_requests_total",
        help="Requests sent to Browsertrix, by what was asked.",
        source="this process",
        kind=Kind.COUNTER,
        labels=("endpoint",),
        samples=lambda client, _: [((one,), client.requests.requests[one]) for one in ENDPOINTS],
    ),
    ClientFamily(
        name="browsertrix_exporter_browsertrix_request_failures_total",
        help="Requests to Browsertrix that failed, by what was asked and reason.",
        source="Browsertrix's answers",
        kind=Kind.COUNTER,
        labels=("endpoint", "reason"),
        samples=lambda client, _: [
            ((one, reason), client.requests.failures[one, reason])
            for one in ENDPOINTS
            for reason in REASONS
        ],
    ),
    ClientFamily(
        name="browsertrix_exporter_browsertrix_last_success_timestamp_seconds",
        help="When Browsertrix was last asked with success, in seconds since 1970.",
        source="this process",
        unit="seconds",
        labels=("source",),
        samples=lambda client, _: [
            ((one.source,), one.last_success)
            for one in client.sources
            if one.last_success is not None
        ],
    ),
    ClientFamily(
        name="browsertrix_exporter_pause_limit_seconds",
        help="How long a crawl may be paused, by which all figures of pauses go: --pause-limit, or "
        "else what Browsertrix said last.",
        source="--pause-limit, pausedExpiryMinutes",
        unit="seconds",
        samples=lambda _, limit: [((), limit.seconds)],
    ),
    ClientFamily(
        name="browsertrix_exporter_pause_limit_differs",
        help="1 while --pause-limit is given and is not what Browsertrix says.",
        source="--pause-limit, pausedExpiryMinutes",
        samples=_differs,
    ),
)
"""Served where Browsertrix is asked at all."""
