"""One kind of object of the Kubernetes API: how it is addressed, and how it is read.

All that ``cluster`` needs to know to follow or to poll it (lightkube's idea); a new
resource is a model and one of these.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote

from exporter.resources.identity import KubernetesObject, identity
from exporter.resources.parsing import LenientReader, Parsed
from exporter.resources.shard import Shard


class ResourceObject(KubernetesObject, Parsed, Protocol):
    """An object as read from the wire: who it is, and what of it could not be read."""


T = TypeVar("T", bound=ResourceObject)


def _none(_: ResourceObject) -> Iterable[tuple[str, str]]:
    return ()


def _never(_: ResourceObject) -> float | None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource(Generic[T]):
    """A namespaced resource, as the API server serves it."""

    group: str
    """The API group; empty for Kubernetes's core."""
    version: str
    plural: str
    """Its name in a path and in RBAC: ``crawljobs``."""
    kind: str
    """Its name in a manifest: ``CrawlJob``."""
    reader: LenientReader[T]
    installed_by: str = ""
    """The product whose CRD or API it is; empty for what every cluster has."""
    versioned: bool = True
    """Whether a list of it says at which version it is, from where a watch goes on. One that does
    not can only be listed again and again (``cluster.poller``); its permission is ``list``."""
    open_fields: tuple[str, ...] = ()
    """The fields whose values are an open set: all that ``unknown_values`` may name."""
    unknown_values: Callable[[T], Iterable[tuple[str, str]]] = _none
    """The values of these that no release known to this version writes, as (field, value)."""

    crawl_uid: Callable[[T], str | None] | None = None
    """The uid of the CrawlJob whose share of a sharded exporter the object is in; None of one that
    says none. Where there is no such function, it is the object's own uid."""
    written_at: Callable[[T], float | None] = _never
    """When the object says that it was last written, in seconds since 1970."""

    @property
    def name(self) -> str:
        """Plural and group, as kubectl and error messages write it: ``crawljobs.btrix.cloud``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def sharded_by(self, item: T) -> str | None:
        """The uid by which the object belongs to a shard; None where nothing says it."""
        return identity(item) if self.crawl_uid is None else self.crawl_uid(item)

    def is_in(self, shard: Shard, item: T) -> bool:
        """Whether the object belongs to the shard; one that says nothing belongs to each."""
        if shard.is_everything:
            return True
        uid = self.sharded_by(item)
        return uid is None or shard.owns(uid)

    def path(self, namespace: str = "") -> str:
        """Where the API server lists it: in one namespace, or in all where that is empty."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
        return f"{root}/{within}{self.plural}"
