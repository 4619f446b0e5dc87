"""Labels and annotations of alerts: the same in the rules of ``alerts/`` and in what is posted.

Alertmanager takes two alerts for one when their labels are the same, and shows the annotations of
the one it received last: so both ways draw from here. The texts are templates as Prometheus has
them, and those of events name little but labels, so that the few forms below are all there is to
expand.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote_plus

from exporter.alerting.names import NAMED, OF_CRAWL, OF_POD, page_of, subject_of
from exporter.history.names import Names
from exporter.resources.identity import POD_LABELS
from exporter.settings.defaults import DEFAULT_RUNBOOKS

_WHAT: Final = '{{ if match "^qa-" $labels.crawl }}QA run{{ else }}Crawl{{ end }}'
"""Browsertrix names a QA run so, from its first release with QA on."""
CRAWL: Final = f"{_WHAT} {{{{ $labels.crawl }}}} of {OF_CRAWL} in {{{{ $labels.namespace }}}}"
POD: Final = (
    f"Pod {{{{ $labels.pod }}}} of crawl {{{{ $labels.crawl }}}}{OF_POD} "
    "in {{ $labels.namespace }}"
)


def listed(query: str, label: str, *, of: Sequence[str], text: str) -> str:
    """The values that a label has in what ``query`` finds, in ``{}`` of the text; else nothing.

    For what an alert should say without being another alert because of it, as a label would make
    it. ``query`` has ``$of`` where the matchers of the alert's own labels ``of`` belong.
    """
    labels = ("cluster", *of)
    matched = query.replace("$of", ",".join(f"{name}=%q" for name in labels))
    values = " ".join(f"$labels.{name}" for name in labels)
    before, after = text.split("{}")
    return (
        f'{{{{ with printf `{matched}` {values} | query | sortByLabel "{label}" }}}}{before}'
        f"{{{{ range $i, $one := . }}}}{{{{ if $i }}}}, {{{{ end }}}}"
        f'{{{{ label "{label}" $one }}}}{{{{ end }}}}{after}{{{{ end }}}}'
    )


_FOR_WANT_OF: Final = " for want of {}"
UNNAMED: Final = "other"
"""What ran out where the kubelet's message is none that is known."""
EXHAUSTED: Final = listed(
    "max by (resource) "
    f'(last_over_time(browsertrix_pod_evicted_for{{$of,resource!="{UNNAMED}"}}[1h]))',
    "resource",
    of=POD_LABELS,
    text=_FOR_WANT_OF,
)
"""What ran out when the pod was evicted within the hour, where that is known."""

_PLACES: Final = re.compile(
    rf"(?P<looked_up>{'|'.join(map(re.escape, (_WHAT, EXHAUSTED, *NAMED)))})"
    r"|\{\{ \$labels\.(?P<label>\w+)(?P<query> \| urlquery)? \}\}"
)


class Severity(StrEnum):
    """What to do, by docs/alerts.md. An alert has only one, so that its name alone says it."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Dashboard(StrEnum):
    """Where to look, as a path below the address of Grafana; the ids are those of dashboards/."""

    FLEET = "/d/browsertrix-fleet?var-namespace={{ $labels.namespace }}"
    CRAWL = (
        "/d/browsertrix-crawl?var-namespace={{ $labels.namespace }}&var-crawl={{ $labels.crawl }}"
    )
    ORG = (
        "/d/browsertrix-orgs"
        "?var-namespace={{ $labels.namespace }}&var-oid={{ $labels.oid | urlquery }}"
    )
    QUOTAS = "/d/browsertrix-orgs?var-oid={{ $labels.oid | urlquery }}"
    """The same of what Browsertrix says of an organisation, which knows no namespace."""
    WORKFLOW = (
        "/d/browsertrix-workflows"
        "?var-oid={{ $labels.oid | urlquery }}&var-cid={{ $labels.cid | urlquery }}"
    )
    JOBS = "/d/browsertrix-workflows?var-oid={{ $labels.oid | urlquery }}"
    PODS = "/d/browsertrix-pods?var-namespace={{ $labels.namespace }}&var-crawl={{ $labels.crawl }}"
    EXPORTER = "/d/browsertrix-exporter"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTemplate:
    """What alerting rules and event alerts have in common."""

    name: str
    severity: Severity
    summary: str
    """The same for every crawl, so that notifications can be grouped under it."""
    description: str
    """A template: which crawl or pod, what is true of it. Of an event, labels and ``EXHAUSTED``."""
    condition: str
    """When it fires, in plain English, for docs/alerts.md."""
    dashboard: Dashboard


@dataclass(frozen=True, slots=True)
class Links:
    """Where the links of notifications lead."""

    runbooks: str = DEFAULT_RUNBOOKS
    """Of the folder with the runbooks; as it stands, the place in this repository."""
    grafana: str = ""
    """Put before the paths of dashboards. Without it there is no link: a path leads nowhere."""
    browsertrix: str = ""
    """The same of Browsertrix's pages. Where no slug is known the link leads to it alone."""
    cluster: str = "cluster"
    """The label that tells clusters apart; in what rules look up, not in what is posted."""

    def annotations(self, alert: AlertTemplate) -> dict[str, str]:
        """Each annotation's name and its template."""
        dashboard = f"{self.grafana.rstrip('/')}{alert.dashboard}"
        subject, page = (
            found(alert.description).replace("cluster", self.cluster)
            for found in (subject_of, page_of)
        )
        return {
            "summary": alert.summary,
            **({"subject": subject} if subject else {}),
            "description": alert.description,
            "runbook_url": f"{self.runbooks.rstrip('/')}/{alert.name}.md",
            **({"dashboard_url": dashboard} if self.grafana else {}),
            **(
                {"browsertrix_url": f"{self.browsertrix.rstrip('/')}{page}"}
                if self.browsertrix and page
                else {}
            ),
        }


def rule_labels(severity: Severity, *, event: bool) -> dict[str, str]:
    """The labels that a rule adds to those of its expression."""
    return {"severity": str(severity)} | ({"event": "true"} if event else {})


def expand(
    template: str,
    labels: Mapping[str, str],
    exhausted: Collection[str] = (),
    names: Names | None = None,
) -> str:
    """Put the labels' values in their places, as Prometheus does; a label there is not is empty.

    ``urlquery`` is Go's ``url.QueryEscape``. ``exhausted`` is what ``EXHAUSTED`` would find, and
    ``names`` what the look-ups of names would; None where they find nothing.
    """

    def value(place: re.Match[str]) -> str:
        if place["label"]:
            text = labels.get(place["label"], "")
            return quote_plus(text) if place["query"] else text
        if place["looked_up"] == _WHAT:
            return "QA run" if labels.get("crawl", "").startswith("qa-") else "Crawl"
        if place["looked_up"] == EXHAUSTED:
            return _FOR_WANT_OF.format(", ".join(sorted(exhausted))) if exhausted else ""
        return NAMED[place["looked_up"]](labels, names)

    return _PLACES.sub(value, template)
