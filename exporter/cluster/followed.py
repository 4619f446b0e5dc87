"""What a reflector and a poller have in common, for whoever shows how they are doing."""

from collections.abc import Sized
from typing import Any, Protocol

from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.resources.resource import Resource


class Followed(Protocol):
    """One source in one scope."""

    @property
    def source(self) -> str:
        """Its name: ``crawljobs`` and others."""

    @property
    def scope(self) -> str:
        """The namespace; empty where all are followed."""

    @property
    def resource(self) -> Resource[Any]:
        """What is followed."""

    @property
    def synced(self) -> bool:
        """Whether the content was complete once."""

    @property
    def vouches(self) -> bool:
        """Whether the content counts now."""

    @property
    def absent(self) -> bool:
        """Whether the cluster does not have this kind of object, so that nothing is missing."""

    @property
    def last_error(self) -> str | None:
        """Why it is not current, in one line; None when it is."""

    @property
    def objects(self) -> Sized:
        """As last seen."""

    @property
    def stats(self) -> Stats:
        """Counts and times of lists, watches and events."""

    @property
    def problems(self) -> Problems[Any]:
        """Fields that could not be read."""
