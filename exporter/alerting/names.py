"""What people call a crawl's workflow and an organisation, in the texts of alerts.

Names are in annotations alone. A label with a name would make another alert of an organisation that
is renamed, and Alertmanager would not take the alert that a rule fires and the one that is posted
for one. So a rule's text looks the names up when it is written (``query`` in its template), in the
series that ``exporter.rules.names`` records, and what is posted puts the same names in the same
places (``NAMED``). Where no names are known, the texts have the ids.

Names are what users typed: they come out as they are, and nothing in them is a template.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote_plus

from exporter.history.names import Names
from exporter.resources.identity import CRAWL_LABELS

ORG_NAMES: Final = "oid:browsertrix_org_names:info"
WORKFLOW_NAMES: Final = "oid_cid:browsertrix_workflow_names:info"
CRAWL_NAMES: Final = "crawl:browsertrix_crawl_names:info"

CRAWL_REMEMBERED: Final = "5h"
"""An end is alerted on for up to four hours after the CrawlJob that names it is gone."""


def _lookup(record: str, of: tuple[str, ...], found: str, otherwise: str, past: str = "") -> str:
    """``found``, in which ``$names`` is the record's series of the labels ``of``."""
    labels = ("cluster", *of)
    series = f"{record}{{{','.join(f'{name}=%q' for name in labels)}}}"
    values = " ".join(f"$labels.{name}" for name in labels)
    if past:
        series, values = f"{series} or last_over_time({series}[{past}])", f"{values} {values}"
    return (
        f"{{{{ with printf `{series}` {values} | query }}}}{{{{ $names := first . }}}}"
        f"{found}{{{{ else }}}}{otherwise}{{{{ end }}}}"
    )


_ORG: Final = '{{ or (label "organisation" $names) $labels.oid }}'
_OWNER: Final = (
    f'{{{{ with label "workflow" $names }}}}{{{{ . }}}} ({_ORG}){{{{ else }}}}organisation {_ORG}'
    "{{ end }}"
)
_ORG_PATH: Final = '{{ with label "slug" $names }}/orgs/{{ . | urlquery }}%s{{ end }}'

ORG: Final = _lookup(ORG_NAMES, ("oid",), _ORG, "{{ $labels.oid }}")
"""``Library of X``, or the id."""
WORKFLOW: Final = _lookup(
    WORKFLOW_NAMES,
    ("oid", "cid"),
    f'{{{{ or (label "workflow" $names) $labels.cid }}}} ({_ORG})',
    "{{ $labels.cid }} of organisation {{ $labels.oid }}",
)
"""``News daily (Library of X)``, or the ids."""
OF_CRAWL: Final = _lookup(
    CRAWL_NAMES,
    CRAWL_LABELS,
    _OWNER,
    "organisation {{ $labels.oid }}",
    CRAWL_REMEMBERED,
)
"""Whose a crawl is: ``News daily (Library of X)``, or ``organisation`` and what is known of it."""
OF_POD: Final = _lookup(CRAWL_NAMES, CRAWL_LABELS, f" of {_OWNER}", "", CRAWL_REMEMBERED)
"""The same after ``crawl manual-1``, or nothing."""
CRAWL_SUBJECT: Final = _lookup(
    CRAWL_NAMES,
    CRAWL_LABELS,
    f'{{{{ with label "workflow" $names }}}}{{{{ . }}}} ({_ORG}){{{{ else }}}}'
    '{{ $labels.crawl }}{{ with label "organisation" $names }} ({{ . }}){{ end }}{{ end }}',
    "{{ $labels.crawl }}",
    CRAWL_REMEMBERED,
)
"""What a crawl is called in a title: ``News daily (Library of X)``, or its id for the workflow."""

ORG_PAGE: Final = _lookup(ORG_NAMES, ("oid",), _ORG_PATH % "/dashboard", "")
WORKFLOW_PAGE: Final = _lookup(
    WORKFLOW_NAMES, ("oid", "cid"), _ORG_PATH % "/workflows/{{ $labels.cid | urlquery }}", ""
)
CRAWL_PAGE: Final = _lookup(
    CRAWL_NAMES,
    CRAWL_LABELS,
    _ORG_PATH % '{{ with label "cid" $names }}/workflows/{{ . | urlquery }}'
    '{{ if not (match "^qa-" $labels.crawl) }}/crawls/{{ $labels.crawl | urlquery }}{{ end }}'
    "{{ else }}/dashboard{{ end }}",
    "",
    CRAWL_REMEMBERED,
)
"""Paths below Browsertrix's public address; empty where the organisation's slug is not known. A QA
run has no page: its link leads to the workflow."""


_BY_LABEL: Final = (
    ("crawl", CRAWL_SUBJECT, CRAWL_PAGE),
    ("cid", WORKFLOW, WORKFLOW_PAGE),
    ("oid", ORG, ORG_PAGE),
)
"""The most particular label first."""


def subject_of(description: str) -> str:
    """What a text is of, in the few words that a title has room for; empty of none."""
    return next((subject for label, subject, _ in _BY_LABEL if _is_of(description, label)), "")


def page_of(description: str) -> str:
    """The path of what a text is of; empty of none."""
    return next((page for label, _, page in _BY_LABEL if _is_of(description, label)), "")


def _is_of(description: str, label: str) -> bool:
    return f"$labels.{label}" in description


# -- the same, posted -----------------------------------------------------------------------------

Labels = Mapping[str, str]


def _org(labels: Labels, names: Names | None) -> str:
    return (names and names.organisation) or labels.get("oid", "")


def _of_crawl(labels: Labels, names: Names | None) -> str:
    org = _org(labels, names)
    return f"{names.workflow} ({org})" if names and names.workflow else f"organisation {org}"


def _of_pod(labels: Labels, names: Names | None) -> str:
    return f" of {_of_crawl(labels, names)}" if names else ""


def _crawl_subject(labels: Labels, names: Names | None) -> str:
    crawl = labels.get("crawl", "")
    if names and names.workflow:
        return f"{names.workflow} ({_org(labels, names)})"
    return f"{crawl} ({names.organisation})" if names and names.organisation else crawl


def _org_path(names: Names | None, rest: str) -> str:
    return f"/orgs/{quote_plus(names.slug)}{rest}" if names and names.slug else ""


def _org_page(_: Labels, names: Names | None) -> str:
    return _org_path(names, "/dashboard")


def _crawl_page(labels: Labels, names: Names | None) -> str:
    return crawl_page(labels.get("crawl", ""), names)


def crawl_page(crawl: str, names: Names | None) -> str:
    """The path of a crawl's page below Browsertrix's public address, as ``CRAWL_PAGE`` has it."""
    if not names or not names.cid:
        return _org_path(names, "/dashboard")
    run = "" if crawl.startswith("qa-") else f"/crawls/{quote_plus(crawl)}"
    return _org_path(names, f"/workflows/{quote_plus(names.cid)}{run}")


NAMED: Final[Mapping[str, Callable[[Labels, Names | None], str]]] = {
    ORG: _org,
    OF_CRAWL: _of_crawl,
    OF_POD: _of_pod,
    CRAWL_SUBJECT: _crawl_subject,
    ORG_PAGE: _org_page,
    CRAWL_PAGE: _crawl_page,
}
"""What each look-up of an event's texts finds, given the alert's labels and the names known."""
