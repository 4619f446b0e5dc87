"""The families of one crawl: what it is and in which state; then its times and figures."""

from typing import Final

from exporter.crawls import Crawl, PauseLimit
from exporter.metrics.catalog.crawl_figures import FIGURE_FAMILIES
from exporter.metrics.catalog.crawl_times import Past, time_families
from exporter.metrics.catalog.family import CrawlFamily, Kind, Sample, labelled
from exporter.resources.crawljob import derived
from exporter.resources.identity import CRAWL_LABELS

_INFO_LABELS: Final = (
    "channel",
    "cid",
    "collection",
    "image",
    "manual",
    "profile",
    "proxy",
    "qa_source",
    "role",
    "storage",
    "uid",
)


def _info(crawl: Crawl) -> Sample:
    job = crawl.job
    spec, labels = job.spec, job.metadata.labels
    profile = spec.profile_id if spec.profile_id != "None" else None
    return (
        1.0,
        spec.crawler_channel,
        spec.cid,
        spec.dedupe_coll_id or labels.dedupe_coll_id,
        job.status.crawler_image,
        None if spec.manual is None else "true" if spec.manual else "false",
        profile or spec.profile_filename,
        spec.proxy_id,
        spec.qa_source_crawl_id,
        "qa-job" if derived.is_qa(job) else "job",
        spec.storage_name or labels.storage,
        job.metadata.uid,
    )


_IDENTITY_AND_STATE: Final = (
    CrawlFamily(
        name="browsertrix_crawl_info",
        kind=Kind.INFO,
        help="What the crawl is: join on namespace, oid and crawl to bring a label over.",
        source="metadata.uid, spec.cid, spec.qaSourceCrawlId, spec.manual, "
        "spec.crawlerChannel, status.crawlerImage, spec.storageName, spec.proxyId, "
        "spec.profileId, spec.dedupeCollId",
        labels=(*CRAWL_LABELS, *_INFO_LABELS),
        value=_info,
    ),
    CrawlFamily(
        name="browsertrix_crawl_state",
        help="1 for the state the crawl is in; no series for the others.",
        source="status.state",
        labels=(*CRAWL_LABELS, "state"),
        value=lambda crawl: (1.0, derived.state(crawl.job)),
    ),
    CrawlFamily(
        name="browsertrix_crawl_stop_reason",
        help="1 for the reason the crawl stops, pauses or has stopped for.",
        source="status.stopReason",
        labels=(*CRAWL_LABELS, "stop_reason"),
        value=lambda crawl: labelled(crawl.job.status.stop_reason),
    ),
    CrawlFamily(
        name="browsertrix_crawl_transition",
        help="1 while the crawl is on its way to another state: "
        "pausing, resuming, stopping or canceling.",
        source="spec.pausedAt, spec.stopping, status.stopping, "
        "metadata.deletionTimestamp, against status.state",
        labels=(*CRAWL_LABELS, "transition"),
        value=lambda crawl: labelled(derived.transition(crawl.job)),
    ),
)


def crawl_families(pause_limit: PauseLimit, past: Past) -> tuple[CrawlFamily, ...]:
    """Return all families of a crawl; ``pause_limit`` is Browsertrix's."""
    times = time_families(pause_limit, past)
    return (*_IDENTITY_AND_STATE, *times, *FIGURE_FAMILIES)
