"""Active alerts as tests compare them, and the statuses that activate them."""

from typing import Any, Final

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.simulator.apiserver.encoding import stamp
from support.crawl_history import NOW
from support.factories import CRAWL_ID, NAMESPACE, OID, crawler_pod

CRAWL: Final = (NAMESPACE, OID, CRAWL_ID)
POD_NAME: Final = f"crawl-{CRAWL_ID}-0"
POD: Final = (*CRAWL, POD_NAME)

PAUSE_EXPIRED: Final = "BrowsertrixCrawlPauseExpired"
PAUSE_EXPIRED_UNSEEN: Final = "BrowsertrixCrawlPauseExpiredUnseen"
ORG_CRAWLS_DELETED: Final = "BrowsertrixOrgCrawlsDeleted"
SIZE_LIMIT: Final = "BrowsertrixCrawlSizeLimitReached"
VANISHED: Final = "BrowsertrixCrawlVanished"
FAILED: Final = "BrowsertrixCrawlFailed"
EVICTED: Final = "BrowsertrixPodEvicted"
OOM_KILLED: Final = "BrowsertrixPodOOMKilled"
OUT_OF_SPACE: Final = "BrowsertrixPodOutOfSpace"


def active(alerts: ActiveAlerts) -> dict[Key, tuple[float, float]]:
    """What is active, with start and end in seconds from ``NOW``."""
    found = {key: alerts.get(key) for key in alerts}
    return {
        key: (alert.starts_at - NOW, alert.ends_at - NOW)
        for key, alert in found.items()
        if alert is not None
    }


def ended(at: float, state: str = "stopped_pause_expired", **status: Any) -> dict[str, Any]:
    """A status of a crawl that finished ``at`` seconds from ``NOW``."""
    return {"state": state, "finished": stamp(NOW + at), **status}


def pods(**fields: Any) -> dict[str, Any]:
    """The one pod of the crawl."""
    return {POD_NAME: crawler_pod(**fields)}
