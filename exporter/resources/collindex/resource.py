"""Where CollIndexes are found in the Kubernetes API."""

from collections.abc import Iterator
from typing import Final

from exporter.resources.collindex.model import KNOWN_STATES, CollIndex
from exporter.resources.collindex.parsing import READER
from exporter.resources.identity import GROUP
from exporter.resources.resource import Resource

_STATE: Final = "status.state"


def _unknown_values(index: CollIndex) -> Iterator[tuple[str, str]]:
    state = index.status.state
    if state and state not in KNOWN_STATES:
        yield _STATE, state


COLLINDEX_RESOURCE: Final = Resource[CollIndex](
    group=GROUP,
    version="v1",
    plural="collindexes",
    kind="CollIndex",
    reader=READER,
    installed_by="a Browsertrix that has dedupe indexes",
    open_fields=(_STATE,),
    unknown_values=_unknown_values,
)
