"""Names beside ids: of organisations, and of crawls' workflows, as the recording rules join them.

A name is the one of the end of the time shown, also for what was long before: an organisation that
is renamed is one line. Where none is known, an organisation goes by its id, and a column of
workflows is not there at all.
"""

from typing import Final

from dashboards.promql import Selection
from exporter.alerting.names import CRAWL_NAMES, ORG_NAMES, WORKFLOW_NAMES
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import on

_NAMED: Final = 'organisation!=""'
"""With ``--no-browsertrix.names`` it is empty."""
ORGANISATIONS: Final = f"{ORG_NAMES}{{{_NAMED}}} @ end()"
WORKFLOWS: Final = f"{WORKFLOW_NAMES}{{{_NAMED}}} @ end()"
"""1 for each of those that have a name, with its labels ``organisation`` and ``workflow``."""
_WORKFLOW: Final = ("oid", "cid")
_BOTH: Final = "group_left (organisation, workflow)"


def _or_id(named: str, expression: str, labels: tuple[str, ...]) -> str:
    unnamed = f'label_replace({expression}, "organisation", "$1", "oid", "(.*)")'
    return f"{named} or {on(*labels)} {unnamed}"


def with_organisation(expression: str) -> str:
    """Add the label ``organisation`` to series that have ``oid``."""
    named = f"({expression}) * {on('oid')} group_left (organisation) {ORGANISATIONS}"
    return _or_id(named, expression, ("oid",))


def with_workflow(expression: str) -> str:
    """Add ``workflow`` and ``organisation`` to series of workflows: names, or else ids."""
    names = f'{WORKFLOW_NAMES}{{workflow!="", {_NAMED}}} @ end()'
    named = f"({expression}) * {on(*_WORKFLOW)} {_BOTH} {names}"
    with_id = f'label_replace({expression}, "workflow", "$1", "cid", "(.*)")'
    return _or_id(named, with_id, _WORKFLOW)


def with_names(expression: str) -> str:
    """Add ``organisation``, and ``workflow`` where it is known, to series of crawls there are."""
    names = f"{CRAWL_NAMES}{{{_NAMED}}}"
    named = f"({expression}) * {on(*CRAWL_LABELS)} {_BOTH} {names}"
    return _or_id(named, expression, CRAWL_LABELS)


def with_last_names(expression: str, selection: Selection) -> str:
    """As ``with_names``, of crawls that there were within the time shown, deleted ones too."""
    named = f"({expression}) * {on(*CRAWL_LABELS)} {_BOTH} ({last_names(selection)})"
    return _or_id(named, expression, CRAWL_LABELS)


def last_names(selection: Selection) -> str:
    """1 for each crawl within the time shown, with the names known now of what it is of."""
    of_workflow = (*CRAWL_LABELS, "cid")
    crawls = selection.last("browsertrix_crawl_info", labels=of_workflow)
    return (
        f"{crawls} * {on('oid', 'cid')} {_BOTH} {WORKFLOWS} or {on(*CRAWL_LABELS)} "
        f"{crawls} * {on('oid')} group_left (organisation) {ORGANISATIONS}"
    )
