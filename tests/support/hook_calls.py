"""Exporters that metacontroller calls, as processes: their flags, and who calls them."""

from typing import Any, Final

from exporter.simulator import Cluster
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.metacontroller import DecoratorController, Spec

RESYNC_PERIOD: Final = 2.0
"""Seconds: of the exporter, and of metacontroller."""
_LONGEST_BACKOFF: Final = 0.2
"""Seconds. In an installation it is a thousand, which a test would have to wait for."""


def hook_flags(port: int, *, finalize: bool = True) -> tuple[str, ...]:
    """Flags of an exporter that is called at this port."""
    return (
        "--source.kubernetes=metacontroller",
        f"--metacontroller.listen-address=127.0.0.1:{port}",
        f"--metacontroller.resync-period={RESYNC_PERIOD:g}s",
        *(("--metacontroller.finalize",) if finalize else ()),
    )


def calling(
    cluster: Cluster, port: int, *, finalize: bool = True, **spec: Any
) -> DecoratorController:
    """Make a controller that calls whoever listens at this port, now or later; to be entered."""
    given: dict[str, Any] = {
        "resync_period": RESYNC_PERIOD,
        "longest_backoff": _LONGEST_BACKOFF,
        "heartbeat": True,
    }
    given |= spec
    url = f"http://127.0.0.1:{port}"
    return DecoratorController(cluster, Spec(hook_url=url, finalize=finalize, **given))


def finalizers_of(cluster: Cluster, namespace: str, name: str) -> list[str]:
    """Who holds a CrawlJob."""
    found: list[str] = cluster.get(namespace, name)["metadata"].get("finalizers", [])
    return found


class Held:
    """The uids of all CrawlJobs that have had a finalizer, from now on.

    One that is deleted before metacontroller comes to it gets none, and Kubernetes lets it go.
    """

    def __init__(self, cluster: Cluster, finalizer: str) -> None:
        self.uids: set[str] = set()
        self._cluster = cluster
        self._finalizer = finalizer
        cluster.subscribe(self._look)

    def _look(self) -> None:
        for event in self._cluster.recent(1):
            if event.after.resource is CRAWLJOBS:
                metadata = event.after.value()["metadata"]
                if self._finalizer in (metadata.get("finalizers") or ()):
                    self.uids.add(metadata["uid"])
