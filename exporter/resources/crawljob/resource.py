"""Where CrawlJobs are found in the Kubernetes API."""

from typing import Final

from exporter.resources.crawljob.derived import OPEN_FIELDS, unknown_values
from exporter.resources.crawljob.model import CrawlJob
from exporter.resources.crawljob.parsing import READER
from exporter.resources.identity import GROUP
from exporter.resources.resource import Resource

CRAWLJOB_RESOURCE: Final = Resource[CrawlJob](
    group=GROUP,
    version="v1",
    plural="crawljobs",
    kind="CrawlJob",
    reader=READER,
    installed_by="Browsertrix",
    open_fields=OPEN_FIELDS,
    unknown_values=unknown_values,
    written_at=lambda job: job.status.last_updated_time,
)
