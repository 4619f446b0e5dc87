"""What an entry of ``podStatus`` says: what its pod is, whether it exists, why it is restarted.

Browsertrix never prunes ``podStatus``, and says of no entry whether its pod still exists; that
follows from the crawl. Rules of Browsertrix again, without I/O and without a clock.
"""

from collections.abc import Callable
from typing import Literal

from exporter.resources.crawljob.derived import has_ended, is_paused_state, state
from exporter.resources.crawljob.model import CrawlJob, PodInfo

Role = Literal["crawler", "redis", "other"]


def pending_resize(info: PodInfo) -> tuple[Literal["newMemory", "newCpu"], float] | None:
    """What of the pod is to be resized by its next restart, and to what: bytes, or cores."""
    if info.new_memory and info.new_memory != info.allocated.memory:
        return "newMemory", info.new_memory
    if info.new_cpu and info.new_cpu != info.allocated.cpu:
        return "newCpu", info.new_cpu
    return None


def existence(job: CrawlJob) -> Callable[[Role, int | None], bool]:
    """What tells by a pod's role and number whether it exists, as far as the CrawlJob says it.

    Crawler pods are numbered from 0 and ``status.scale`` counts those that exist (since 1.17);
    redis is kept exactly while ``initRedis`` is set (``_load_redis``).
    """
    status = job.status
    if has_ended(job):
        return lambda _role, _index: False
    paused = is_paused_state(state(job))

    def exists(role: Role, index: int | None) -> bool:
        if role == "redis":
            return status.init_redis is not False
        if index is not None and status.scale is not None:
            return index < status.scale
        return not paused

    return exists


def role_and_index(name: str) -> tuple[Role, int | None]:
    """What a pod of that name is, and the n of ``crawl-<id>-<n>``; None for redis."""
    if name.startswith("redis-"):
        return "redis", None
    digits = name.rpartition("-")[2]
    # isdecimal() also takes digits of other scripts, and a hostile name a thousand of them.
    if name.startswith("crawl-") and digits.isascii() and digits.isdecimal() and len(digits) < 6:
        return "crawler", int(digits)
    return "other", None
