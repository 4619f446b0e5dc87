"""An active alert in the format that Alertmanager's API takes.

That is ``postableAlert`` of https://github.com/prometheus/alertmanager, ``api/v2/openapi.yaml``.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypedDict

from exporter.alerting.active_alerts import ActiveAlert
from exporter.alerting.template import expand
from exporter.alerting.tuning import AlertTuning
from exporter.history.names import Names
from exporter.resources.identity import CRAWL_LABELS

RESERVED_LABELS: Final = frozenset({"alertname", "severity", "event", *CRAWL_LABELS})
"""Labels that every alert has, so that no external label of that name is ever added."""


NamesOf = Callable[[str, str], Names | None]
"""What is known of a crawl, by its uid and its organisation's id."""


class PostableAlert(TypedDict):
    """One alert of a request's body, ready for JSON."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str


def postable_alert(
    alert: ActiveAlert,
    tuning: AlertTuning,
    external_labels: Mapping[str, str],
    names_of: NamesOf,
) -> PostableAlert:
    """The alert with the labels and annotations that its rule's alert has, too.

    ``external_labels`` are added where the alert has no label of that name, as Prometheus does.
    Names are in annotations alone, so that one that changes is the same alert. They are those known
    now: no alert waits for names, it has them when it is resent, and Alertmanager notifies nobody
    of a text that changes.
    """
    definition = tuning.apply(alert.definition)
    of_what = alert.of_what
    names = names_of(alert.uid, of_what["oid"])
    templates = tuning.links.annotations(definition)
    return {
        "labels": {**external_labels, **tuning.labels, **definition.identity(alert.label_values)},
        "annotations": {
            name: expand(text, of_what, alert.exhausted, names) for name, text in templates.items()
        },
        "startsAt": _rfc3339(alert.starts_at),
        "endsAt": _rfc3339(alert.ends_at),
    }


def _rfc3339(seconds: float) -> str:
    """In UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
