"""The families of how far a crawl is, against what limits, and its flags: a field each."""

from collections.abc import Callable
from typing import Final

from exporter.crawls import Crawl
from exporter.metrics.catalog.family import CrawlFamily, Field


def _figure(
    name: str, text: str, source: str, value: Callable[[Crawl], float | None], unit: str = ""
) -> CrawlFamily:
    return CrawlFamily(
        name=f"browsertrix_crawl_{name}", help=text, source=source, unit=unit, value=value
    )


FIGURE_FAMILIES: Final = (
    _figure(
        "exec_seconds",
        "Seconds of execution summed over all crawler pods: what an organisation's minutes "
        "are billed on.",
        "status.crawlExecTime",
        Field("job.status.crawl_exec_time"),
        "seconds",
    ),
    _figure(
        "elapsed_seconds",
        "Seconds during which the crawl had at least one pod: what its timeout is compared with.",
        "status.elapsedCrawlTime",
        Field("job.status.elapsed_crawl_time"),
        "seconds",
    ),
    _figure(
        "timeout_seconds",
        "Elapsed seconds at which the crawl will be stopped; absent without a limit.",
        "spec.timeout",
        Field("job.spec.timeout", zero_is_unknown=True),
        "seconds",
    ),
    _figure(
        "pages_found",
        "Pages found so far.",
        "status.pagesFound",
        Field("job.status.pages_found"),
    ),
    _figure(
        "pages_done",
        "Pages crawled so far.",
        "status.pagesDone",
        Field("job.status.pages_done"),
    ),
    _figure(
        "size_bytes",
        "Bytes archived so far, uploaded or not.",
        "status.size",
        Field("job.status.size"),
        "bytes",
    ),
    _figure(
        "size_pending_bytes",
        "Bytes archived and not uploaded yet.",
        "status.sizePending",
        Field("job.status.size_pending"),
        "bytes",
    ),
    _figure(
        "size_limit_bytes",
        "Archived bytes at which the crawl will be stopped; absent without a limit.",
        "spec.maxCrawlSize",
        Field("job.spec.max_crawl_size", zero_is_unknown=True),
        "bytes",
    ),
    _figure(
        "files_added",
        "Archive files uploaded so far.",
        "status.filesAdded",
        Field("job.status.files_added"),
    ),
    _figure(
        "files_added_bytes",
        "Bytes of the archive files uploaded so far.",
        "status.filesAddedSize",
        Field("job.status.files_added_size"),
        "bytes",
    ),
    _figure(
        "scale",
        "Crawler pods that exist now.",
        "status.scale",
        Field("job.status.scale"),
    ),
    _figure(
        "desired_scale",
        "Crawler pods that Browsertrix wants (1.17 and later).",
        "status.desiredScale",
        Field("job.status.desired_scale"),
    ),
    _figure(
        "browser_windows",
        "Browser windows asked for over all pods.",
        "spec.browserWindows",
        Field("job.spec.browser_windows"),
    ),
    _figure(
        "last_pod_exit_code",
        "Exit code of the crawler pod that exited last.",
        "status.lastCrawlPodExitCode",
        Field("job.status.last_crawl_pod_exit_code"),
    ),
    _figure(
        "stopping",
        "1 while the crawl is stopping or pausing, and while paused; 0 otherwise.",
        "status.stopping",
        Field("job.status.stopping"),
    ),
    _figure(
        "canceled",
        "1 when the crawl was canceled, 0 otherwise.",
        "status.canceled",
        Field("job.status.canceled"),
    ),
    _figure(
        "redis_initialized",
        "1 while the crawl's redis is kept up, 0 otherwise.",
        "status.initRedis",
        Field("job.status.init_redis"),
    ),
)
