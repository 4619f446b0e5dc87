"""Which alerts do not notify because of another one, in a real Alertmanager."""

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Final

import pytest

from exporter.resources.identity import CRAWL_LABELS
from support.alertmanager import alertmanager
from support.amtool import shipped_config
from support.rules import ALERTS
from support.tools import Edition
from support.waiting import WAIT_TIMEOUT

pytestmark = pytest.mark.slow("the first waits for Alertmanager")

CRAWL: Final = dict(zip(CRAWL_LABELS, ("crawlers", "org-1", "manual-1"), strict=True))
OTHER: Final = CRAWL | {"crawl": "manual-2"}
ORG: Final = {"oid": "org-1"}
ENDS: Final = {
    "BrowsertrixCrawlPauseExpired",
    "BrowsertrixCrawlSizeLimitReached",
    "BrowsertrixCrawlTimeLimitReached",
    "BrowsertrixCrawlStorageQuotaReached",
    "BrowsertrixCrawlTimeQuotaReached",
    "BrowsertrixCrawlOrgReadOnly",
    "BrowsertrixCrawlFailed",
    "BrowsertrixCrawlFailedNotLoggedIn",
    "BrowsertrixCrawlVanished",
}


@pytest.fixture(scope="module")
def alerts_url(edition: Edition, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Alertmanager with the routes and inhibition of the example, and no receivers."""
    loaded = shipped_config()
    part = {
        "route": loaded["route"],
        "inhibit_rules": loaded["inhibit_rules"],
        "receivers": [{"name": receiver["name"]} for receiver in loaded["receivers"]],
    }
    with alertmanager(edition, part, tmp_path_factory.mktemp("alertmanager")) as url:
        yield f"{url}/api/v2/alerts"


def inhibited(alerts_url: str, *alerts: dict[str, str]) -> list[bool]:
    """Post the alerts together; returns of each whether another one inhibits it."""
    # A label of its own keeps the alerts of one test from those of another.
    mark = str(time.monotonic_ns())
    namespaced = [alert | {"namespace": f"crawlers-{mark}", "mark": mark} for alert in alerts]
    # Alertmanager takes alerts in for inhibition in their order, but after its answer: once the
    # last pair shows, all those before it are taken in as well.
    last = CRAWL | {"namespace": f"last-{mark}", "mark": mark}
    inhibited_one = named("BrowsertrixCrawlPauseExpiresInAnHour", last)
    posted = [*namespaced, named("BrowsertrixCrawlPauseExpired", last), inhibited_one]
    request = urllib.request.Request(
        alerts_url,
        json.dumps([{"labels": labels} for labels in posted]).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=WAIT_TIMEOUT):
        pass
    deadline = time.monotonic() + WAIT_TIMEOUT
    while not _inhibitions(alerts_url, mark)[_as_key(inhibited_one)]:
        assert time.monotonic() < deadline, "the pair that is sure to be inhibited is not"
        time.sleep(0.02)
    found = _inhibitions(alerts_url, mark)  # that answer may have begun before the pair was in
    return [found[_as_key(labels)] for labels in namespaced]


def _as_key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _inhibitions(alerts_url: str, mark: str) -> dict[tuple[tuple[str, str], ...], bool]:
    with urllib.request.urlopen(f"{alerts_url}?filter=mark={mark}", timeout=WAIT_TIMEOUT) as reply:
        return {
            _as_key(alert["labels"]): bool(alert["status"]["inhibitedBy"])
            for alert in json.load(reply)
        }


def named(name: str, labels: dict[str, str] | None = None) -> dict[str, str]:
    (alert,) = (alert for alert in ALERTS if alert.name == name)
    event = {"event": "true"} if alert.event else {}
    return {"alertname": name, "severity": str(alert.severity)} | event | (labels or {})


@pytest.mark.parametrize("end", sorted(ENDS))
def test_an_end_inhibits_conditions_of_its_crawl_alone(alerts_url: str, end: str) -> None:
    about_to = [
        "BrowsertrixCrawlPauseExpiresInAnHour",
        "BrowsertrixCrawlPausedByQuota",
        "BrowsertrixCrawlSizeLimitNear",
        "BrowsertrixCrawlTimeLimitPredicted",
        "BrowsertrixCrawlStoppingTooLong",
        "BrowsertrixCrawlNoProgress",
        "BrowsertrixCrawlWaitingForCapacity",
        "BrowsertrixPodUnschedulable",
        "BrowsertrixPodImagePullFailing",
        "BrowsertrixPodConfigError",
        "BrowsertrixVolumeNotBound",
        "BrowsertrixVolumeNearlyFull",
        "BrowsertrixVolumeFullWithinTheHour",
    ]

    source, *targets = inhibited(
        alerts_url, named(end, CRAWL), *(named(name, CRAWL) for name in about_to)
    )
    _, other = inhibited(
        alerts_url, named(end, CRAWL), named("BrowsertrixCrawlPauseExpiresInAnHour", OTHER)
    )

    assert not source
    assert all(targets)
    assert not other


def test_no_end_inhibits_another_end_or_an_unclean_one(alerts_url: str) -> None:
    ends = ["BrowsertrixCrawlFailed", "BrowsertrixCrawlSizeLimitReached"]
    also = ["BrowsertrixCrawlNotDeleted", "BrowsertrixPodOutOfSpace"]

    assert not any(inhibited(alerts_url, *(named(name, CRAWL) for name in ends + also)))


@pytest.mark.parametrize(
    ("source", "target", "labels"),
    [
        ("BrowsertrixCrawlPauseExpiresInAnHour", "BrowsertrixCrawlPauseExpiresInADay", CRAWL),
        ("BrowsertrixCrawlSizeLimitNear", "BrowsertrixCrawlSizeLimitPredicted", CRAWL),
        ("BrowsertrixCrawlTimeLimitNear", "BrowsertrixCrawlTimeLimitPredicted", CRAWL),
        ("BrowsertrixPodOutOfSpace", "BrowsertrixPodStorageNearLimit", {**CRAWL, "pod": "p"}),
        ("BrowsertrixPodCrashLoop", "BrowsertrixCrawlerCrashedRepeatedly", {**CRAWL, "pod": "p"}),
        (
            "BrowsertrixVolumeNearlyFull",
            "BrowsertrixVolumeFullWithinTheHour",
            {**CRAWL, "pod": "p", "resource": "storage"},
        ),
        ("BrowsertrixVolumeNearlyFull", "BrowsertrixPodStorageNearLimit", {**CRAWL, "pod": "p"}),
        ("BrowsertrixPodOutOfSpace", "BrowsertrixVolumeNearlyFull", {**CRAWL, "pod": "p"}),
        ("BrowsertrixPodUnschedulable", "BrowsertrixCrawlWaitingForCapacity", CRAWL),
        ("BrowsertrixPodImagePullFailing", "BrowsertrixCrawlWaitingForCapacity", CRAWL),
        ("BrowsertrixPodConfigError", "BrowsertrixCrawlWaitingForCapacity", CRAWL),
        ("BrowsertrixVolumeNotBound", "BrowsertrixCrawlWaitingForCapacity", CRAWL),
        ("BrowsertrixOrgStorageQuotaReached", "BrowsertrixOrgStorageNearQuota", ORG),
        ("BrowsertrixOrgStorageQuotaReached", "BrowsertrixOrgStorageFullWithinDays", ORG),
        ("BrowsertrixOrgMinutesQuotaReached", "BrowsertrixOrgMinutesNearQuota", ORG),
        ("BrowsertrixOrgMinutesQuotaReached", "BrowsertrixOrgMinutesGoneBeforeMonthEnd", ORG),
        ("BrowsertrixOrgReadOnly", "BrowsertrixWorkflowMissedRun", ORG),
        ("BrowsertrixOrgQueueStandsStill", "BrowsertrixCrawlWaitingForOrgLimit", CRAWL),
        ("BrowsertrixExporterNotSynced", "BrowsertrixExporterWatchStale", {"scope": "*"}),
        ("BrowsertrixExporterNotSynced", "BrowsertrixExporterSourceDown", {"scope": "a"}),
        ("BrowsertrixExporterWatchStale", "BrowsertrixExporterSourceDown", {"scope": "b"}),
        ("BrowsertrixExporterWatchStale", "BrowsertrixExporterReplicaStale", {"scope": "crawlers"}),
    ],
)
def test_the_nearer_inhibits_the_farther(
    alerts_url: str, source: str, target: str, labels: dict[str, str]
) -> None:
    another = {key: f"{value}-2" for key, value in labels.items()}

    result = inhibited(
        alerts_url, named(source, labels), named(target, labels), named(target, another)
    )

    assert result == [False, True, False]


def test_a_quota_s_second_warning_inhibits_its_first_one(alerts_url: str) -> None:
    storage, minutes = "BrowsertrixOrgStorageNearQuota", "BrowsertrixOrgMinutesNearQuota"
    first, second = ({"oid": "org-of-levels", "level": one} for one in ("first", "second"))

    assert inhibited(
        alerts_url, named(storage, second), named(storage, first), named(minutes, first)
    ) == [False, True, False]


@pytest.mark.parametrize(
    ("many", "each"),
    [
        ("BrowsertrixCrawlFailureRateHigh", "BrowsertrixCrawlFailed"),
        ("BrowsertrixPodEvictionStorm", "BrowsertrixPodEvicted"),
        ("BrowsertrixPodOOMStorm", "BrowsertrixPodOOMKilled"),
    ],
)
def test_an_event_is_never_inhibited_by_what_happens_to_many(
    alerts_url: str, many: str, each: str
) -> None:
    """It is over when the inhibition is, and nobody would ever hear of it."""
    assert inhibited(alerts_url, named(many), named(each, CRAWL)) == [False, False]


@pytest.mark.parametrize(
    "stuck",
    [
        "BrowsertrixCrawlWaitingForCapacity",
        "BrowsertrixCrawlNoProgress",
        "BrowsertrixCrawlStoppingTooLong",
        "BrowsertrixCrawlNotDeleted",
        "BrowsertrixCrawlPauseOverdue",
        "BrowsertrixCrawlFewerPodsThanWanted",
    ],
)
def test_a_silent_operator_inhibits_what_cannot_get_on_in_its_cluster_alone(
    alerts_url: str, stuck: str
) -> None:
    here, there = ({"cluster": cluster} for cluster in ("here", "there"))

    result = inhibited(
        alerts_url,
        named("BrowsertrixOperatorSilent", here),
        named(stuck, CRAWL | here),
        named(stuck, CRAWL | there),
        named("BrowsertrixCrawlPauseExpiresInAnHour", CRAWL | here),
        named("BrowsertrixPodUnschedulable", CRAWL | here),
    )

    assert result == [False, True, False, False, False]


def test_an_exporter_that_is_down_inhibits_its_other_alerts(alerts_url: str) -> None:
    rest = [
        alert.name
        for alert in ALERTS
        if alert.name.startswith("BrowsertrixExporter") and alert.name != "BrowsertrixExporterDown"
    ]

    down, *others = inhibited(
        alerts_url, named("BrowsertrixExporterDown"), *(named(name) for name in rest)
    )
    _, crawl = inhibited(
        alerts_url,
        named("BrowsertrixExporterDown"),
        named("BrowsertrixCrawlPauseExpired", CRAWL),
    )

    assert not down
    assert all(others)
    assert not crawl
