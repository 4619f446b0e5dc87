"""Who an object is: its key, its uid, its crawl and organisation, and the labels that say so.

One place for every spelling of it: series, alerts, dashboards and events all name a crawl by the
same labels, in the same order.
"""

from typing import Final, Protocol

from exporter.resources.crawljob.model import CrawlJob

GROUP: Final = "btrix.cloud"
"""The API group of Browsertrix's resources."""

CRAWL_LABELS: Final = ("namespace", "oid", "crawl")
"""The labels that identify a crawl; on every series and every alert of one."""
POD_LABELS: Final = (*CRAWL_LABELS, "pod")

SHARD: Final = "shard"
"""The label of what one of several shards counts; without it, it is of all crawls. Exporters of one
shard say the same, those of two say a part each."""
TOTAL_SHARDS: Final = "total_shards"
"""Beside it, of what is there now: how many shards there were when it was counted."""

CRAWLJOB_PREFIX: Final = "crawljob-"
"""Browsertrix names a CrawlJob by this and the crawl's id."""

Key = tuple[str, str]
"""Namespace and name of an object."""


class Identified(Protocol):
    """What Kubernetes gives every object."""

    @property
    def namespace(self) -> str:
        """Of the object."""

    @property
    def name(self) -> str:
        """Unique in its namespace for as long as the object exists."""

    @property
    def uid(self) -> str | None:
        """Unique for ever; None where the wire had none."""

    @property
    def resource_version(self) -> str | None:
        """Of the object as last written."""


class KubernetesObject(Protocol):
    """Any object with metadata."""

    @property
    def metadata(self) -> Identified:
        """Who it is."""


def key_of(item: KubernetesObject) -> Key:
    """Namespace and name."""
    return item.metadata.namespace, item.metadata.name


def identity(item: KubernetesObject) -> str:
    """The uid: a name can be given again, a uid never. Without one, ``namespace/name``."""
    return item.metadata.uid or f"{item.metadata.namespace}/{item.metadata.name}"


def crawl_id(job: CrawlJob) -> str:
    """The crawl's id, taken from the object's name: unlike ``spec.id``, no two can share it."""
    return job.metadata.name.removeprefix(CRAWLJOB_PREFIX) or job.metadata.name


def org_id(job: CrawlJob) -> str:
    """The organisation's id, empty where neither spec nor label has one."""
    return job.spec.oid or job.metadata.labels.org or ""
