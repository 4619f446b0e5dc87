"""What a DecoratorController is told: the object that an operator writes, as far as it matters."""

from dataclasses import dataclass
from typing import Any, Literal

from exporter.simulator.apiserver.served_resource import CRAWLJOBS

HookName = Literal["sync", "finalize", "customize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One DecoratorController of CrawlJobs. Times are in seconds."""

    hook_url: str
    """Below which its hooks are: ``/sync``, ``/finalize``, ``/customize``."""
    name: str = "browsertrix-exporter"
    finalize: bool = False
    """Whether it has a finalize hook, and with it a finalizer on every CrawlJob."""
    customize: bool = True
    heartbeat: bool = False
    """Whether a second DecoratorController syncs the Service that leads to the hooks."""
    resync_period: float = 60.0
    """Between two syncs of all objects; metacontroller knows none below a second."""
    timeout: float = 10.0
    """Of one call of a hook."""
    workers: int = 5
    """How many objects are synced at a time, as metacontroller's ``--workers`` has it."""
    longest_backoff: float = 1000.0
    """Between two tries of an object that fails."""

    @property
    def finalizer(self) -> str:
        """What it puts on an object, where there is a finalize hook."""
        return f"metacontroller.io/decoratorcontroller-{self.name}"

    def url(self, hook: HookName) -> str:
        """Where a hook is."""
        return f"{self.hook_url.rstrip('/')}/{hook}"

    def manifest(self) -> dict[str, Any]:
        """The object, which every request of a hook has as ``controller``."""
        hooks: list[HookName] = ["sync"]
        if self.customize:
            hooks.append("customize")
        if self.finalize:
            hooks.append("finalize")
        return {
            "apiVersion": "metacontroller.k8s.io/v1alpha1",
            "kind": "DecoratorController",
            "metadata": {"name": self.name},
            "spec": {
                "resources": [{"apiVersion": CRAWLJOBS.api_version, "resource": CRAWLJOBS.plural}],
                "attachments": [],
                "hooks": {
                    hook: {
                        "version": "v1",
                        "webhook": {"url": self.url(hook), "timeout": f"{self.timeout:g}s"},
                    }
                    for hook in hooks
                },
                "resyncPeriodSeconds": max(1, round(self.resync_period)),
            },
            "status": {},
        }
