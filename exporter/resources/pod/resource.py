"""Where pods are found in the Kubernetes API."""

from typing import Final

from exporter.resources.pod.model import Pod
from exporter.resources.pod.parsing import READER
from exporter.resources.resource import Resource

POD_RESOURCE: Final = Resource[Pod](
    group="",
    version="v1",
    plural="pods",
    kind="Pod",
    reader=READER,
    crawl_uid=lambda pod: pod.metadata.crawl_uid,
)
