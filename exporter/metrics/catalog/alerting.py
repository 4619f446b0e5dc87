"""The families about alerts that the exporter posts itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.alerting.send_loop import SendLoop
from exporter.metrics.catalog.family import Family, Group, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerFamily(Family):
    """A family about one Alertmanager; its first label is ``alertmanager``, the URL given."""

    samples: Callable[[SendLoop], Iterable[tuple[tuple[str, ...], float]]]
    """The values of the labels after ``alertmanager``, and the value."""
    group: Group = Group.EXPORTER


def _delivery(
    name: str,
    text: str,
    value: Callable[[SendLoop], float | None],
    *,
    source: str = "this process",
    unit: str = "",
) -> AlertmanagerFamily:
    def samples(send_loop: SendLoop) -> Iterator[tuple[tuple[str, ...], float]]:
        found = value(send_loop)
        if found is not None:
            yield (), found

    return AlertmanagerFamily(
        name=f"browsertrix_exporter_alertmanager_{name}",
        help=text,
        source=source,
        kind=Kind.COUNTER if name.endswith("_total") else Kind.GAUGE,
        unit=unit,
        labels=("alertmanager",),
        samples=samples,
    )


def _by_reason(counts: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], float]]:
    for reason, count in counts.items():
        yield (reason,), count


ALERTMANAGER_FAMILIES: Final = (
    _delivery(
        "failing",
        "1 while alerts cannot be delivered, or one is refused; 0 otherwise.",
        lambda send_loop: float(send_loop.failing),
        source="the last request, one a minute at least",
    ),
    _delivery(
        "pending_alerts",
        "Alerts that it is to be told of at once, and was not told of yet.",
        lambda send_loop: send_loop.pending,
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
        labels=("alertmanager", "reason"),
        samples=lambda send_loop: _by_reason(send_loop.stats.failures),
    ),
    _delivery(
        "last_success_timestamp_seconds",
        "When it last took what was sent, be it nothing, in seconds since 1970.",
        lambda send_loop: send_loop.stats.last_success,
        source="its answers",
        unit="seconds",
    ),
)
"""Served where ``--alertmanager.url`` is given."""
