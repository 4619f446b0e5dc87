"""A second DecoratorController, about the Service that leads to the hook: it is always there."""

from typing import Final

from exporter.simulator.apiserver.updates import Object
from exporter.simulator.metacontroller.spec import Spec
from exporter.simulator.metacontroller.webhook import HookError, Webhook
from exporter.simulator.metacontroller.work_queue import WorkQueue

_SERVICE: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "browsertrix-exporter-hook",
        "namespace": "crawlers",
        "uid": "5e7f1ce0-0000-4000-8000-000000000000",
        "resourceVersion": "1",
    },
    "spec": {"type": "ClusterIP"},
}
_KEY: Final = ("crawlers", "browsertrix-exporter-hook")


async def heartbeat(spec: Spec, webhook: Webhook) -> None:
    """Sync the Service every resync period, and after a failure again, until cancelled."""
    queue = WorkQueue(spec.longest_backoff)
    queue.add(_KEY)
    try:
        while True:
            key = await queue.get()
            try:
                await webhook.call_about(_SERVICE)
            except HookError:
                queue.add_rate_limited(key)
            else:
                queue.forget(key)
                queue.add_after(key, spec.resync_period)
            finally:
                queue.done(key)
    finally:
        queue.close()
