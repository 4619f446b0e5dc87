"""The settings that Browsertrix tells everybody: ``GET /api/settings``."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.resources.browsertrix.reading import Id, ItemReader
from exporter.resources.fields import Count
from exporter.resources.metadata import WIRE
from exporter.resources.parsing import Problem


@dataclass(config=WIRE, slots=True, kw_only=True)
class ServerSettings:
    """What the installation is set to; None where this Browsertrix does not say it."""

    id: Id = "settings"
    """There is one; the answer has none of its own."""
    paused_expiry_minutes: Count = None
    """After so long a paused crawl is given up."""
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def pause_limit(self) -> float | None:
        """Seconds that a crawl may be paused; None where that is unknown or no time at all."""
        return self.paused_expiry_minutes * 60.0 if self.paused_expiry_minutes else None

    @staticmethod
    def parse(item: Mapping[str, Any]) -> tuple["ServerSettings", tuple[Problem, ...]]:
        """Read the answer. Raises InvalidObjectError where it is no object."""
        return READER(item)


READER: Final = ItemReader(ServerSettings)
