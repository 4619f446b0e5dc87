"""What Browsertrix's own HTTP API says: organisations, workflows, jobs, settings, crawl records.

Pure: no I/O, no clock of its own, no Prometheus. Nothing of people is read: each model names the
few fields that are, and all others (users, e-mail addresses, notes) are left where they came from.
"""

from exporter.resources.browsertrix.background_job import BackgroundJob
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.resources.browsertrix.organisation import Organisation, OrganisationCounts, Quotas
from exporter.resources.browsertrix.server_settings import ServerSettings
from exporter.resources.browsertrix.workflow import Workflow

__all__ = [
    "BackgroundJob",
    "CrawlRecord",
    "Organisation",
    "OrganisationCounts",
    "Quotas",
    "ServerSettings",
    "Workflow",
]
