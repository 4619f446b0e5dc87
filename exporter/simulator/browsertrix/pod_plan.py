"""What a pod shall be: all in which the pods of an installation differ."""

from dataclasses import dataclass, field
from typing import Final

from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.apiserver.updates import Object

CRAWLER_IMAGE: Final = "docker.io/webrecorder/browsertrix-crawler:1.8.2"
REDIS_IMAGE: Final = "docker.io/library/redis:7.2.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """What one pod shall be. ``memory`` and ``memory_limit`` are in bytes, ``cpu`` in cores."""

    namespace: str
    name: str
    labels: dict[str, str]
    container: str
    image: str
    memory: int
    memory_limit: int
    cpu: float
    claim: str = ""
    """The claim whose volume holds its data; without one the node's disk does."""
    owner: Object = field(default_factory=dict)
    """The ownerReference; empty where nobody owns it."""
    priority: tuple[str, int] = ("", 0)
    """Class and value."""
    grace: int = 30
    """Seconds its containers have to end when it is deleted."""
    restart_policy: str = "OnFailure"


def owned_by_crawljob(manifest: Object) -> Object:
    """The ownerReference that metacontroller puts on the children of a CrawlJob."""
    return owned_by(CRAWLJOBS.type_meta, manifest["metadata"])


def owned_by(type_meta: dict[str, str], metadata: Object) -> Object:
    """The ownerReference of a child whose controller is this object."""
    return {
        **type_meta,
        "blockOwnerDeletion": True,
        "controller": True,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
