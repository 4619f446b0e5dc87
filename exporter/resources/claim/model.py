"""The wire form of a PersistentVolumeClaim, as far as it is served.

One belongs to each pod of a crawl, and has its name and labels. It stays while the crawl is paused
and its pods are gone.
Source of names and meanings: Kubernetes API, core/v1 ``PersistentVolumeClaim``.
"""

from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from exporter.resources.fields import Quantity, SharedText, Text
from exporter.resources.metadata import WIRE, CrawlLabels, ObjectMeta
from exporter.resources.owners import ControllingCrawl
from exporter.resources.parsing import Problem

_MOST_CONDITIONS: Final = 100
_RESIZING: Final = frozenset({"Resizing", "FileSystemResizePending"})
"""Conditions of a claim whose volume is to become larger: by its driver, then by the node."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class ClaimMetadata(ObjectMeta):
    """Who the claim is."""

    labels: CrawlLabels = field(default_factory=CrawlLabels)
    crawl_uid: ControllingCrawl = Field(default=None, alias="ownerReferences")


@dataclass(config=WIRE, slots=True, kw_only=True)
class Storage:
    """Bytes of storage."""

    storage: Quantity = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class ClaimResources:
    """What is asked for."""

    requests: Storage = field(default_factory=Storage)


@dataclass(config=WIRE, slots=True, kw_only=True)
class ClaimSpec:
    """What is asked for."""

    storage_class_name: SharedText = None
    resources: ClaimResources = field(default_factory=ClaimResources)


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Condition:
    type: Text = None
    status: Text = None


def _is_resizing(conditions: list[_Condition]) -> bool:
    return any(one.type in _RESIZING and one.status == "True" for one in conditions)


if TYPE_CHECKING:  # what reading makes of it
    Resizing = bool | None
else:
    Resizing = (
        Annotated[
            list[_Condition], Field(max_length=_MOST_CONDITIONS), AfterValidator(_is_resizing)
        ]
        | None
    )


@dataclass(config=WIRE, slots=True, kw_only=True)
class ClaimStatus:
    """What it got."""

    phase: SharedText = None
    """``Pending``, ``Bound`` or ``Lost``."""
    capacity: Storage = field(default_factory=Storage)
    resizing: Resizing = Field(default=None, alias="conditions")


@dataclass(config=WIRE, slots=True, kw_only=True)
class Claim:
    """One claim as last seen on the wire."""

    metadata: ClaimMetadata
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: ClaimStatus = field(default_factory=ClaimStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def resize_pending(self) -> bool | None:
        """Whether its volume is to become larger; None where nobody says what became of it.

        A volume is bound only if it is large enough, so one that is smaller than what is asked for
        is to grow, also where no driver has said so yet, or ever will.
        """
        if self.status.phase is None:
            return None
        requested, capacity = self.spec.resources.requests.storage, self.status.capacity.storage
        is_smaller = requested is not None and capacity is not None and capacity < requested
        return is_smaller or bool(self.status.resizing)
