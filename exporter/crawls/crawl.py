"""One crawl as all sources together know it.

What stands right of this package (history, alerting, metrics, web) reads crawls, never the objects
of a single source, so that a new source is a new field here and no change there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from exporter.resources.claim import Claim
from exporter.resources.crawljob import CrawlJob
from exporter.resources.pod import Pod
from exporter.resources.podmetrics import PodMetrics

Pods: TypeAlias = Mapping[str, Pod]
"""By name."""
Usage: TypeAlias = Mapping[str, PodMetrics]
Volumes: TypeAlias = Mapping[str, Claim]


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl. What is beside its CrawlJob is None where no source vouches for it."""

    job: CrawlJob
    pods: Pods | None = None
    """Those that exist."""
    usage: Usage | None = None
    """Of its pods that were measured lately, by the pod's name."""
    volumes: Volumes | None = None
    """The claims of its pods, by the pod's name, which is the claim's; they outlast the pods."""

    def is_same(self, other: "Crawl") -> bool:
        """Whether every source says what it said: the very objects, which are never changed."""
        return (
            self.job is other.job
            and self.pods is other.pods
            and self.usage is other.usage
            and self.volumes is other.volumes
        )
