"""What Kubernetes gives every object: name, namespace, uid, version, and when it came and goes."""

from typing import Annotated, Final

from pydantic import ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from exporter.resources.fields import SharedText, Text, Timestamp

WIRE: Final = ConfigDict(alias_generator=to_camel, extra="ignore")
"""Of every model: camelCase on the wire, and unknown fields are ignored."""

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
"""A name Kubernetes could have given: of an object, a namespace or a pod."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class ObjectMeta:
    """Who the object is. Only the name is indispensable; without one it cannot be served."""

    name: ObjectName
    namespace: Annotated[str, StringConstraints(max_length=253)] = "default"
    uid: Text = None
    resource_version: Text = None
    creation_timestamp: Timestamp = None
    deletion_timestamp: Timestamp = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class CrawlLabels:
    """The labels of what Browsertrix makes for a crawl: which it is, and what it does there."""

    crawl: SharedText = None
    role: SharedText = None
