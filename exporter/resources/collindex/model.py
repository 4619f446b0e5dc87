"""The wire form of a CollIndex: the index by which crawls leave out what a collection has.

Source of names and meanings: Browsertrix, ``operator/collindexes.py`` and
``chart/app-templates/coll_index.yaml``. States are an open set.
"""

from dataclasses import field
from typing import Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.resources.fields import Quantity, SharedText, Text, Timestamp
from exporter.resources.metadata import WIRE, ObjectMeta
from exporter.resources.parsing import Problem

KNOWN_STATES: Final = (
    "initing",
    "importing",
    "ready",
    "purging",
    "idle",
    "saving",
    "saved",
    "crawling",
)


@dataclass(config=WIRE, slots=True, kw_only=True)
class IndexLabels:
    """Whose it is."""

    oid: Text = None
    coll: Text = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class IndexMetadata(ObjectMeta):
    """Who the index is."""

    labels: IndexLabels = field(default_factory=IndexLabels)


@dataclass(config=WIRE, slots=True, kw_only=True)
class IndexSpec:
    """The ids of the collection and of its organisation."""

    id: Text = None
    oid: Text = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class IndexStatus:
    """Where it stands; bytes, and timestamps in seconds since 1970."""

    state: SharedText = None
    state_changed_at: Timestamp = Field(default=None, alias="lastStateChangeAt")
    storage_used: Quantity = None
    storage_capacity: Quantity = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class CollIndex:
    """One index as last seen on the wire."""

    metadata: IndexMetadata
    spec: IndexSpec = field(default_factory=IndexSpec)
    status: IndexStatus = field(default_factory=IndexStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def collection(self) -> str:
        """The collection's id, by the object's name where nothing else says it."""
        return self.spec.id or self.metadata.labels.coll or self.metadata.name

    @property
    def org(self) -> str:
        """The organisation's id, empty where neither spec nor label has one."""
        return self.spec.oid or self.metadata.labels.oid or ""
