"""Which resources the simulator serves: one declaration each, and nothing else names them.

All are namespaced and have a status subresource. Sources: ``kubectl api-resources -o wide`` and,
for CrawlJobs, ``chart/btrix-crds`` of Browsertrix.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedResource:
    """One resource, equal to itself alone. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    short_names: tuple[str, ...]
    manager: str
    """Field manager of a write within the process that names none."""
    status_manager: str
    """The same for a write of its status."""

    @property
    def api_version(self) -> str:
        """As objects name it: ``btrix.cloud/v1``, or ``v1`` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def type_meta(self) -> dict[str, str]:
        """Its apiVersion and kind, as objects name them."""
        return {"apiVersion": self.api_version, "kind": self.kind}

    @property
    def root(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def qualified(self, name: str) -> str:
        """A name of it (its plural, its kind) as messages write it: ``crawljobs.btrix.cloud``."""
        return f"{name}.{self.group}" if self.group else name

    @property
    def details(self) -> dict[str, Any]:
        """What the details of a ``Status`` say of it."""
        return {"group": self.group, "kind": self.plural} if self.group else {"kind": self.plural}


CRAWLJOBS: Final = ServedResource(
    group="btrix.cloud",
    version="v1",
    plural="crawljobs",
    singular="crawlob",  # a slip of Browsertrix's: kubectl knows no "crawljob"
    kind="CrawlJob",
    short_names=("cjs",),
    manager="OpenAPI-Generator",  # how the Python client of Browsertrix' backend calls itself
    status_manager="metacontroller",
)
PODS: Final = ServedResource(
    group="",
    version="v1",
    plural="pods",
    singular="pod",
    kind="Pod",
    short_names=("po",),
    manager="metacontroller",
    status_manager="kubelet",
)
RESOURCES: Final = (CRAWLJOBS, PODS)
