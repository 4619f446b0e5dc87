"""The wire form of a CrawlJob: every field Browsertrix 1.10 to 1.24 writes, and no behaviour.

Slotted pydantic dataclasses: parsed from JSON bytes in compiled code, and small enough that ten
thousand of them fit beside their exposition. ``None`` always means *unknown*: absent, null, or so
malformed that ``resources.parsing`` took it out. Unknown fields are ignored, for the CRD keeps any.
Source of names and meanings: Browsertrix, ``backend/btrixcloud/operator/models.py`` and
``chart/app-templates/crawl_job.yaml``.
"""

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.resources.crawljob.states import STATE_BEFORE_FIRST_STATUS
from exporter.resources.fields import Count, ExitCode, Flag, Quantity, Seconds, Text, Timestamp
from exporter.resources.managed_fields import SpecChangedAt
from exporter.resources.metadata import WIRE, ObjectMeta, ObjectName
from exporter.resources.parsing import Problem

MOST_PODS = 1000
"""Entries of ``podStatus``. A crawl has a dozen; each costs some twenty series at every scrape."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class Labels:
    """The labels Browsertrix puts on a CrawlJob, without the user's id, which is private."""

    crawl: Text = None
    role: Text = None
    org: Text = Field(default=None, alias="btrix.org")
    storage: Text = Field(default=None, alias="btrix.storage")
    dedupe_coll_id: Text = Field(default=None, alias="dedupe_coll_id")


@dataclass(config=WIRE, slots=True, kw_only=True)
class Metadata(ObjectMeta):
    """Who the object is, and when anything but its status was last written."""

    labels: Labels = field(default_factory=Labels)
    spec_changed_at: SpecChangedAt = Field(default=None, alias="managedFields")


@dataclass(config=WIRE, slots=True, kw_only=True)
class CrawlSpec:
    """What was asked for. Bytes, seconds and timestamps in seconds since 1970; 0 is "no limit"."""

    id: Text = None
    userid: Text = None
    cid: Text = None
    oid: Text = None
    scale: Count = None
    browser_windows: Count = None
    max_crawl_size: Count = None
    timeout: Seconds = None
    manual: Flag = None
    ttl_seconds_after_finished: Count = None
    stopping: Flag = None
    paused_at: Timestamp = None
    restart_time: Timestamp = None
    last_config_update: Text = None
    crawler_channel: Text = None
    profile_filename: Text = Field(default=None, alias="profile_filename")
    storage_filename: Text = Field(default=None, alias="storage_filename")
    qa_source_crawl_id: Text = None
    warc_prefix: Text = None
    storage_name: Text = None
    proxy_id: Text = None
    profile_id: Text = None
    dedupe_coll_id: Text = None
    is_single_page: Flag = None
    seed_file_url: Text = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodResources:
    """Memory in bytes, CPU in cores, storage in bytes."""

    memory: Quantity = None
    cpu: Quantity = None
    storage: Quantity = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodInfo:
    """What Browsertrix knows of one pod; entries of pods long deleted stay in the status."""

    allocated: PodResources = field(default_factory=PodResources)
    used: PodResources = field(default_factory=PodResources)
    new_memory: Quantity = None
    new_cpu: Quantity = None
    new_storage: Quantity = None
    exit_time: Timestamp = None
    exit_code: ExitCode = None
    reason: Text = None
    signal_at_mem: Quantity = None
    evicted: Flag = None
    backoff_wait: Flag = None
    last_workers: Count = None
    size_pending: Count = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class CrawlStatus:
    """Where the crawl stands. Bytes, seconds, and timestamps in seconds since 1970."""

    state: Text = STATE_BEFORE_FIRST_STATUS
    pages_found: Count = None
    pages_done: Count = None
    size: Count = None
    size_human: Text = None
    size_pending: Count = None
    scale: Count = None
    desired_scale: Count = None
    files_added: Count = None
    files_added_size: Count = None
    finished: Timestamp = None
    stopping: Flag = None
    stop_reason: Text = None
    init_redis: Flag = None
    crawler_image: Text = None
    last_config_update: Text = None
    last_active_time: Timestamp = None
    pod_status: Annotated[dict[ObjectName, PodInfo], Field(max_length=MOST_PODS)] = field(
        default_factory=dict
    )
    restart_time: Timestamp = None
    canceled: Flag = None
    crawl_exec_time: Seconds = None
    elapsed_crawl_time: Seconds = None
    last_updated_time: Timestamp = None
    rate_limited_at_time: Timestamp = None
    last_crawl_pod_exit_code: ExitCode = None
    all_crashed: Flag = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class CrawlJob:
    """One CrawlJob as last seen on the wire."""

    metadata: Metadata
    spec: CrawlSpec = field(default_factory=CrawlSpec)
    status: CrawlStatus = field(default_factory=CrawlStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""
