"""Which resources the simulator serves: one declaration each, and nothing else names them.

All are namespaced. Sources: ``kubectl api-resources -o wide``; for CrawlJobs and CollIndexes
``chart/btrix-crds`` of Browsertrix; for PodMetrics metrics-server, which the API server asks.
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
    has_generations: bool = True
    """Whether ``metadata.generation`` counts changes of its spec."""
    is_graceful: bool = False
    """Whether a deletion waits, as that of a pod for its containers."""
    aggregated: bool = False
    """Served by another server behind this one: only to be read, not to be watched, and without
    versions, uids and status."""

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

    @property
    def is_custom(self) -> bool:
        """Whether it is defined by a CustomResourceDefinition."""
        return bool(self.group) and not self.aggregated

    @property
    def names(self) -> tuple[str, ...]:
        """What an option may call it: by its plural, with its group, or by its group alone.

        The plural alone means that of the core group, or of a custom resource.
        """
        if not self.group:
            return (self.plural,)
        plural = () if self.aggregated else (self.plural,)
        return (*plural, self.qualified(self.plural), self.group)

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
    is_graceful=True,
)
CLAIMS: Final = ServedResource(
    group="",
    version="v1",
    plural="persistentvolumeclaims",
    singular="persistentvolumeclaim",
    kind="PersistentVolumeClaim",
    short_names=("pvc",),
    manager="metacontroller",
    status_manager="kube-controller-manager",
    has_generations=False,
)
COLLINDEXES: Final = ServedResource(
    group="btrix.cloud",
    version="v1",
    plural="collindexes",
    singular="collindex",
    kind="CollIndex",
    short_names=("cixs",),
    manager="OpenAPI-Generator",
    status_manager="metacontroller",
)
POD_METRICS: Final = ServedResource(
    group="metrics.k8s.io",
    version="v1beta1",
    plural="pods",
    singular="",
    kind="PodMetrics",
    short_names=(),
    manager="",
    status_manager="",
    aggregated=True,
)
RESOURCES: Final = (CRAWLJOBS, PODS, CLAIMS, COLLINDEXES, POD_METRICS)
