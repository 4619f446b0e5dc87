"""The families about alerts that the exporter posts itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exporter.alerting.discovery import Discovery
from exporter.alerting.notifier import Notifier
from exporter.alerting.send_loop import SendLoop
from exporter.metrics.catalog.family import Family, Group, Kind

_LABELS: Final = ("alertmanager", "address")
"""The URL given and, where its name's addresses are looked up, one of them; else none."""

Samples = Iterable[tuple[tuple[str, ...], float]]
"""The values of all labels, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerFamily(Family):
    """A family about Alertmanagers; its first label is ``alertmanager``, the URL given."""

    samples: Callable[[Notifier], Samples]
    group: Group = Group.EXPORTER


def _delivery(  # noqa: PLR0913 - a table's row, each column by its name
    name: str,
    text: str,
    value: Callable[[SendLoop], float | None],
    *,
    without_address: Callable[[Notifier, Discovery], float | None] = lambda *_: None,
    source: str = "this process",
    unit: str = "",
) -> AlertmanagerFamily:
    """One value of each Alertmanager.

    ``without_address`` is the value of a URL whose Alertmanagers are not known, with no address.
    """

    def samples(notifier: Notifier) -> Samples:
        for send_loop in notifier.send_loops:
            found = value(send_loop)
            if found is not None:
                yield _labels(send_loop), found
        for discovery in notifier.discoveries:
            found = without_address(notifier, discovery) if discovery.failing else None
            if found is not None:
                yield (discovery.url, ""), found

    return AlertmanagerFamily(
        name=f"browsertrix_exporter_alertmanager_{name}",
        help=text,
        source=source,
        kind=Kind.COUNTER if name.endswith("_total") else Kind.GAUGE,
        unit=unit,
        labels=_LABELS,
        samples=samples,
    )


def _labels(send_loop: SendLoop) -> tuple[str, str]:
    return send_loop.endpoint.url, send_loop.endpoint.address


ALERTMANAGER_FAMILIES: Final = (
    _delivery(
        "failing",
        "1 while alerts cannot be delivered, or one is refused; 0 otherwise.",
        lambda send_loop: float(send_loop.failing),
        without_address=lambda *_: 1.0,
        source="the last request, one a minute at least",
    ),
    _delivery(
        "pending_alerts",
        "Alerts that it is to be told of at once, and was not told of yet.",
        lambda send_loop: send_loop.pending,
        without_address=lambda notifier, _: notifier.active,
    ),
    _delivery(
        "alerts_sent_total",
        "Alerts delivered; each again every minute while it is open.",
        lambda send_loop: send_loop.stats.sent,
    ),
    _delivery(
        "alerts_rejected_total",
        "Alerts refused, each again every minute; the log says why.",
        lambda send_loop: send_loop.stats.rejected,
        source="its answers",
    ),
    AlertmanagerFamily(
        name="browsertrix_exporter_alertmanager_request_failures_total",
        help="Requests that failed, by reason.",
        source="its answers",
        kind=Kind.COUNTER,
        labels=(*_LABELS, "reason"),
        samples=lambda notifier: (
            ((*_labels(send_loop), reason), count)
            for send_loop in notifier.send_loops
            for reason, count in send_loop.stats.failures.items()
        ),
    ),
    _delivery(
        "last_success_timestamp_seconds",
        "When it last took what was sent, be it nothing, in seconds since 1970.",
        lambda send_loop: send_loop.stats.last_success,
        source="its answers",
        unit="seconds",
    ),
    AlertmanagerFamily(
        name="browsertrix_exporter_alertmanager_addresses",
        help="Addresses known of an Alertmanager's name, where they are looked up in DNS.",
        source="DNS",
        kind=Kind.GAUGE,
        labels=("alertmanager",),
        samples=lambda notifier: (
            ((discovery.url,), len(discovery.send_loops)) for discovery in notifier.discoveries
        ),
    ),
    AlertmanagerFamily(
        name="browsertrix_exporter_alertmanager_resolution_failures_total",
        help="Resolutions of an Alertmanager's name that failed or found no address, by reason.",
        source="DNS",
        kind=Kind.COUNTER,
        labels=("alertmanager", "reason"),
        samples=lambda notifier: (
            ((discovery.url, reason), count)
            for discovery in notifier.discoveries
            for reason, count in discovery.failures.items()
        ),
    ),
)
"""Served where ``--alertmanager.url`` is given."""
