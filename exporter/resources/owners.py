"""Whose an object is: the CrawlJob that controls it, by its uid.

Metacontroller puts it on all that Browsertrix makes for a crawl. It is read where a list of owners
may stand, and held once for all objects of a crawl.
"""

from sys import intern
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from exporter.resources.fields import Flag, Text
from exporter.resources.metadata import WIRE

_MOST_OWNERS: Final = 100
_CRAWLJOB: Final = "CrawlJob"


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Owner:
    kind: Text = None
    uid: Text = None
    controller: Flag = None


def _controlling(owners: list[_Owner]) -> str | None:
    for owner in owners:
        if owner.controller and owner.kind == _CRAWLJOB and owner.uid:
            return intern(owner.uid)
    return None


if TYPE_CHECKING:  # what reading makes of it
    ControllingCrawl = str | None
else:
    ControllingCrawl = (
        Annotated[list[_Owner], Field(max_length=_MOST_OWNERS), AfterValidator(_controlling)] | None
    )
    """``metadata.ownerReferences``, of which the uid of the CrawlJob is kept; None without one."""
