"""Lists of organisations and workflows as they are polled, given to a ledger's names."""

from collections.abc import Mapping
from typing import Any

from exporter.browsertrix.polling import Handlers
from exporter.history.names import KnownNames
from exporter.resources.browsertrix import Organisation, Workflow
from support.browsertrix_items import organisation_item, workflow_item
from support.factories import CID, OID


def no_names(uid: str, oid: str) -> None:
    """As a ledger's ``names_of``, where nothing was ever polled."""


def give_orgs(names: KnownNames, *items: dict[str, Any]) -> None:
    """All organisations there are; without ``items``, the one that factories' crawls are of."""
    parsed = [Organisation.parse(organisation_item(id=OID) | one)[0] for one in items or ({},)]
    _poll(names, "orgs", {one.id: one for one in parsed})


def give_workflows(names: KnownNames, *items: dict[str, Any]) -> None:
    """The same of workflows."""
    parsed = [Workflow.parse(workflow_item(id=CID, oid=OID) | one)[0] for one in items or ({},)]
    _poll(names, "workflows", {one.id: one for one in parsed})


def _poll(names: KnownNames, source: str, items: Mapping[str, Any]) -> None:
    handlers: Handlers = names.by_source
    for handler in handlers[source]:
        handler.on_polled(items, 0.0)


def give_names(names: KnownNames) -> None:
    """``News daily (Library of X)``."""
    give_orgs(names)
    give_workflows(names)
