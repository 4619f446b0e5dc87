"""An active alert in the format that Alertmanager's API takes.

That is ``postableAlert`` of https://github.com/prometheus/alertmanager, ``api/v2/openapi.yaml``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypedDict

from exporter.alerting.active_alerts import ActiveAlert
from exporter.alerting.template import Links, expand
from exporter.resources.identity import CRAWL_LABELS

_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = frozenset({"alertname", "severity", "event", *CRAWL_LABELS})


class PostableAlert(TypedDict):
    """One alert of a request's body, ready for JSON."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str


def postable_alert(
    alert: ActiveAlert, links: Links, external_labels: Mapping[str, str]
) -> PostableAlert:
    """The alert with the labels and annotations that its rule's alert has, too.

    ``external_labels`` are added where the alert has no label of that name, as Prometheus does.
    """
    definition = alert.definition
    of_what = dict(zip(definition.labels, alert.label_values, strict=True))
    templates = links.annotations(definition)
    return {
        "labels": {**external_labels, **definition.identity(alert.label_values)},
        "annotations": {name: expand(text, of_what) for name, text in templates.items()},
        "startsAt": _rfc3339(alert.starts_at),
        "endsAt": _rfc3339(alert.ends_at),
    }


def external_label(text: str) -> tuple[str, str]:
    """Read NAME=VALUE. Raises ValueError with a readable text."""
    name, _, value = text.partition("=")
    if not _LABEL.fullmatch(name) or not value:
        raise ValueError("expected NAME=VALUE with the name of a label")
    if name in _RESERVED:
        raise ValueError(f"every alert has a label {name} of its own, which stands")
    return name, value


def _rfc3339(seconds: float) -> str:
    """In UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
